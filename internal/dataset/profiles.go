package dataset

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nextbest/nextbest/recommend/profile"
	"github.com/nextbest/nextbest/session/event"
)

// ProfileRow is a profile and when it was computed.
type ProfileRow struct {
	profile.Profile
	Timestamp int64 // epoch ms, 0 when not said; an older one than what is there is to be skipped
}

// ReadProfiles reads the profiles of a file; unknown columns are reported.
// The report is there with an error too: what was read until then.
func ReadProfiles(ctx context.Context, path string, opts Options, fn func(ProfileRow) error) (*Report, error) {
	return readPath(path, func(src Source) (*Report, error) { return ReadProfilesFrom(ctx, src, opts, fn) })
}

// ReadProfilesFrom is ReadProfiles of a source that is open already.
func ReadProfilesFrom(ctx context.Context, src Source, opts Options, fn func(ProfileRow) error) (*Report, error) {
	return read(ctx, src, opts, profileSchema(), decodeProfile, fn)
}

func profileSchema() schema {
	return schema{
		means: profileColumn,
		id:    func(c column) bool { return c == colID },
		wants: "user_id (or id, entity_id, anonymous_id)",
	}
}

func profileColumn(plain string) column {
	switch plain {
	case "id", "userid", "entityid", "anonymousid", "visitorid":
		return colID
	case "vector", "embedding", "values":
		return colVector
	case "space", "modelversion":
		return colSpace
	case "affinities", "itemaffinities":
		return colAffinities
	case "attributes", "attributeaffinities":
		return colAttributes
	case "segments":
		return colSegments
	case "list", "items":
		return colList
	case "eventtimestamp", "timestamp", "updatedat":
		return colTime
	case "version":
		return colIgnored // the dataset's version counts
	}
	return colUnknown
}

func decodeProfile(names *resolver, r *row) (ProfileRow, *problem) {
	var out ProfileRow
	for n, v := range r.values {
		if p := profileCell(&out, names, r.names[n], v); p != nil {
			return out, p
		}
	}
	if out.ID == "" {
		return out, missing("id", "the profile has no id")
	}
	if event.Junk(out.ID) {
		return out, at("id", "junk_id", "the id is a placeholder: "+strconv.Quote(out.ID))
	}
	return out, nil
}

func profileCell(out *ProfileRow, names *resolver, name string, v value) (p *problem) {
	ok := true
	switch names.column(name) {
	case colID:
		return setID(&out.ID, name, v)
	case colSpace:
		return setText(&out.Space, name, v)
	case colVector:
		out.Vector, p = names.vector(name, v)
		return p
	case colAffinities:
		out.Affinities, p = v.affinities(name)
		return p
	case colAttributes:
		out.Attributes, p = v.attributeAffinities(name)
		return p
	case colSegments:
		out.Segments, ok = v.list()
	case colList:
		out.List, ok = v.list()
	case colTime:
		out.Timestamp, ok = v.millis()
		if !ok {
			return at(name, "time", "the time must be RFC 3339 or epoch milliseconds")
		}
	}
	if !ok {
		return at(name, "list", "the value must be a list of strings, in csv separated by |")
	}
	return nil
}

// vector is the cell's vector in the dimension of the others.
func (r *resolver) vector(name string, v value) ([]float32, *problem) {
	list, p := v.vector(name)
	if p != nil {
		return nil, p
	}
	if r.report.Dimension == 0 {
		r.report.Dimension = len(list)
	}
	if len(list) != r.report.Dimension {
		return nil, at(name, "vector_dimension",
			"the vector has "+strconv.Itoa(len(list))+" dimensions, the others have "+strconv.Itoa(r.report.Dimension))
	}
	return list, nil
}

const affinityShape = "affinities must be [{\"item_id\":…,\"weight\":…}] or {item_id: weight}, weights above 0"

// affinities are item weights, strongest first.
func (v value) affinities(name string) ([]profile.Affinity, *problem) {
	var list []profile.Affinity
	raw, isJSON := v.json()
	switch {
	case v.kind == pairs && len(v.texts) == len(v.floats):
		for n, id := range v.texts {
			list = append(list, profile.Affinity{ItemID: id, Weight: float64(v.floats[n])})
		}
	case isJSON && raw.Kind() == '[':
		if jsonv2.Unmarshal(raw, &list) != nil {
			return nil, at(name, "affinities", affinityShape)
		}
	case isJSON:
		var byItem map[string]float64
		if jsonv2.Unmarshal(raw, &byItem) != nil {
			return nil, at(name, "affinities", affinityShape)
		}
		for id, weight := range byItem {
			list = append(list, profile.Affinity{ItemID: id, Weight: weight})
		}
	default:
		return nil, at(name, "affinities", affinityShape)
	}
	for _, a := range list {
		if event.CheckID(a.ItemID) != nil || !positive(a.Weight) {
			return nil, at(name, "affinities", affinityShape)
		}
	}
	slices.SortStableFunc(list, func(x, y profile.Affinity) int {
		return cmp.Or(cmp.Compare(y.Weight, x.Weight), cmp.Compare(x.ItemID, y.ItemID))
	})
	return list, nil
}

const attributeShape = "attribute affinities must be [{\"name\":…,\"value\":…,\"weight\":…}] or {name: {value: weight}}, weights above 0"

// attributeAffinities are weights of attribute values, strongest first.
func (v value) attributeAffinities(name string) ([]profile.Attribute, *problem) {
	raw, ok := v.json()
	if !ok {
		return nil, at(name, "attributes", attributeShape)
	}
	var list []profile.Attribute
	if raw.Kind() == '[' {
		if jsonv2.Unmarshal(raw, &list) != nil {
			return nil, at(name, "attributes", attributeShape)
		}
	} else {
		var byName map[string]map[string]float64
		if jsonv2.Unmarshal(raw, &byName) != nil {
			return nil, at(name, "attributes", attributeShape)
		}
		for attribute, values := range byName {
			for value, weight := range values {
				list = append(list, profile.Attribute{Name: attribute, Value: value, Weight: weight})
			}
		}
	}
	for _, a := range list {
		if a.Name == "" || a.Value == "" || !positive(a.Weight) {
			return nil, at(name, "attributes", attributeShape)
		}
	}
	slices.SortStableFunc(list, func(x, y profile.Attribute) int {
		return cmp.Or(cmp.Compare(y.Weight, x.Weight), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Value, y.Value))
	})
	return list, nil
}

func positive(x float64) bool { return x > 0 && !math.IsInf(x, 0) }

// jsonMember is a member of a JSON object as a cell.
type jsonMember struct{ v value }

// UnmarshalJSONFrom reads any JSON value.
func (m *jsonMember) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	m.v = ofJSON(raw)
	return err
}
