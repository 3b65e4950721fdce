package httpapi

import (
	_ "embed" // the document
	"net/http"

	"github.com/gofiber/fiber/v2"
)

// document is the API's description. It is written by hand: the handlers
// bound, inflate and decode by their own rules, which a generator would not
// see, and the contract test holds every answer against it.
//
//go:embed openapi.json
var document []byte

func openAPI(c *call) error {
	c.send(http.StatusOK, typeJSON, document)
	c.rc.Response.Header.Set(fiber.HeaderCacheControl, "public, max-age=300")
	c.rc.Response.Header.Set(fiber.HeaderAccessControlAllowOrigin, "*") // public, and no credentials
	return nil
}
