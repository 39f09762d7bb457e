package libvirt

import "testing"

func TestAnIndexFromADataSourceIsNotMissing(t *testing.T) {
	tests := map[string]struct {
		raw  any
		want bool
	}{
		"not read yet":         {map[string]any{"image_index": 0}, true},
		"through Packer's RPC": {map[any]any{"image_index": int64(0)}, true},
		"not given":            {map[string]any{"edition": "x"}, false},
		"null":                 {map[string]any{"image_index": nil}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := names([]any{map[string]string{}, test.raw}, "image_index"); got != test.want {
				t.Errorf("names: %v, want %v", got, test.want)
			}
		})
	}
}
