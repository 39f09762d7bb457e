package media_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	datasource "github.com/wintemplate/packer-plugin-wintemplate/datasource/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
)

func execute(t *testing.T, config map[string]any) (cty.Value, error) {
	t.Helper()
	var d datasource.Datasource
	if err := d.Configure(config); err != nil {
		return cty.NilVal, err
	}
	return d.Execute()
}

func TestExecute(t *testing.T) {
	path := mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval()))
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(path))))
	defer server.Close()
	for name, address := range map[string]string{"path": path, "file": "file://" + path, "http": server.URL + "/" + filepath.Base(path)} {
		t.Run(name, func(t *testing.T) {
			v, err := execute(t, map[string]any{"url": address, "edition": "SERVERSTANDARD"})
			if err != nil {
				t.Fatal(err)
			}
			for field, want := range map[string]string{"label": "SSS_X64FREE_EN-US_DV9", "product": "Windows Server 2022", "architecture": "amd64", "channel": "evaluation"} {
				if got := v.GetAttr(field).AsString(); got != want {
					t.Errorf("%s is %q, want %q", field, got, want)
				}
			}
			if build, _ := v.GetAttr("build").AsBigFloat().Int64(); build != 20348 || !v.GetAttr("server").True() {
				t.Errorf("build %d", build)
			}
			if n := v.GetAttr("images").LengthInt(); n != 4 {
				t.Errorf("%d images", n)
			}
			if got := v.GetAttr("images").Index(cty.NumberIntVal(2)).GetAttr("name").AsString(); got != "Windows Server 2022 SERVERDATACENTERCORE" {
				t.Errorf("third image %q", got)
			}
			if got := v.GetAttr("image").GetAttr("name").AsString(); got != "Windows Server 2022 SERVERSTANDARD" {
				t.Errorf("image %q", got)
			}
			if got := v.GetAttr("setup_languages").Index(cty.NumberIntVal(0)).AsString(); got != "en-US" {
				t.Errorf("language %q", got)
			}
		})
	}
	if _, err := execute(t, map[string]any{"url": path}); err != nil {
		t.Errorf("without a wish: %v", err)
	}
}

func TestRefuses(t *testing.T) {
	path := mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval()))
	for name, c := range map[string]struct {
		config map[string]any
		want   string
	}{
		"nothing":      {map[string]any{}, "url: not given"},
		"scheme":       {map[string]any{"url": "ftp://x/y.iso"}, `scheme "ftp"`},
		"index":        {map[string]any{"url": "x.iso", "image_index": -1}, "image_index"},
		"absent":       {map[string]any{"url": "/nonexistent.iso"}, "nonexistent.iso"},
		"edition":      {map[string]any{"url": path, "edition": "Professional"}, "SERVERDATACENTER"},
		"architecture": {map[string]any{"url": path, "architecture": "arm64"}, "architecture"},
		"unknown":      {map[string]any{"url": path, "editon": "x"}, "editon"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := execute(t, c.config); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}

// TestUnknownProduct reads an ISO of a Windows that the catalogue lacks.
func TestUnknownProduct(t *testing.T) {
	images := mediatest.Server2022Eval()
	for i := range images {
		images[i].Build = 9600
	}
	v, err := execute(t, map[string]any{"url": mediatest.Build(t, mediatest.Spec(images)), "edition": "SERVERSTANDARD"})
	if err != nil {
		t.Fatal(err)
	}
	if v.GetAttr("product").AsString() != "" || v.GetAttr("server").True() {
		t.Errorf("product %q", v.GetAttr("product").AsString())
	}
	if build, _ := v.GetAttr("build").AsBigFloat().Int64(); build != 9600 {
		t.Errorf("build %d", build)
	}
}
