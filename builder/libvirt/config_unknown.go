package libvirt

import (
	"reflect"
	"strings"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/template/config"
	"github.com/mitchellh/mapstructure"
)

// decodeHooks are the SDK's, preceded by one that reads an unknown duration as
// zero: `packer validate` without -evaluate-datasources passes "<unknown>" for
// every string, and durations are strings in HCL.
var decodeHooks = append([]mapstructure.DecodeHookFunc{unknownDuration}, config.DefaultDecodeHookFuncs...)

func unknownDuration(from, to reflect.Type, data any) (any, error) {
	text, ok := data.(string)
	if ok && to == reflect.TypeFor[time.Duration]() && strings.Contains(text, unknownText) {
		return time.Duration(0), nil
	}
	return data, nil
}

// names says whether the template gives the field. A number from a data source
// that has not been read yet arrives as zero, which only this tells from a
// field that is not there.
func names(raws []any, field string) bool {
	for _, raw := range raws {
		switch fields := raw.(type) {
		case map[string]any:
			if v, ok := fields[field]; ok && v != nil {
				return true
			}
		case map[any]any: // as it comes through Packer's RPC
			if v, ok := fields[field]; ok && v != nil {
				return true
			}
		}
	}
	return false
}
