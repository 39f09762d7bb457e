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
