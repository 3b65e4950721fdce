package ingest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// SignUserToken is the user_token with which a shop's server proves a user_id:
// base64url(HMAC-SHA256(secret, user_id + "." + expiry)) + "." + expiry, the
// expiry in epoch seconds.
func SignUserToken(secret []byte, userID string, expiry time.Time) string {
	seconds := strconv.FormatInt(expiry.Unix(), 10)
	return base64.RawURLEncoding.EncodeToString(sign(secret, userID, seconds)) + "." + seconds
}

// VerifyUserToken reports whether a token proves the user_id at now. Without a
// secret nothing is proven. Padding of the base64 is allowed, and an expiry in
// milliseconds is understood.
func VerifyUserToken(secret []byte, userID, token string, now time.Time) bool {
	if len(secret) == 0 || userID == "" || token == "" {
		return false
	}
	signature, expiry, found := strings.Cut(token, ".")
	if !found {
		return false
	}
	until, err := strconv.ParseInt(expiry, 10, 64)
	if err != nil {
		return false
	}
	const firstMillis = 100_000_000_000 // as seconds: the year 5138
	if until >= firstMillis {
		until /= 1000
	}
	sent, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(signature, "="))
	if err != nil {
		return false
	}
	return hmac.Equal(sent, sign(secret, userID, expiry)) && now.Unix() < until
}

func sign(secret []byte, userID, expiry string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(userID + "." + expiry))
	return mac.Sum(nil)
}
