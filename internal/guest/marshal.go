package guest

import (
	"encoding/json"
	"reflect"
)

// marshal encodes parameters. A nil slice becomes [], not null: in PowerShell
// @($null) is a list of one.
func marshal(parameters any) (json.RawMessage, error) {
	v := reflect.New(reflect.TypeOf(parameters)).Elem()
	v.Set(reflect.ValueOf(parameters))
	fillSlices(v)
	return json.Marshal(v.Interface())
}

func fillSlices(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fillSlices(v.Field(i))
		}
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
	}
}
