package media_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
			if revision, _ := v.GetAttr("image").GetAttr("service_pack_build").AsBigFloat().Int64(); revision != 587 {
				t.Errorf("service pack build %d", revision)
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
		"host":         {map[string]any{"url": "file://media/y.iso"}, "url: file://media/y.iso names the host media: write file:///media/y.iso"},
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

// TestRemoteRefuses is about what a web server may give instead of an ISO. An
// address may hold a login or a signature, which errors must not show.
func TestRemoteRefuses(t *testing.T) {
	whole, err := os.ReadFile(mediatest.Build(t, mediatest.Spec(mediatest.Server2022Eval())))
	if err != nil {
		t.Fatal(err)
	}
	serve := func(b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Unix(0, 0), bytes.NewReader(b))
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"absent":       {http.NotFound, "404 Not Found; there is no such file"},
		"expired":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "expire after a day"},
		"no ranges":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(whole) }, "doesn't serve ranges; download the ISO"},
		"sign-in page": {serve([]byte("<!DOCTYPE html><html>Sign in" + strings.Repeat(" ", 4096) + "</html>")), "it is a web page"},
		"truncated":    {serve(whole[:len(whole)/2]), "the ISO is truncated"},
		"edition":      {serve(whole), "SERVERDATACENTER"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			address := strings.Replace(server.URL, "http://", "http://me:hidden1@", 1) + "/windows.iso?signature=hidden2"
			_, err := execute(t, map[string]any{"url": address, "edition": "Professional"})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v; want %q", err, c.want)
			}
			if strings.Contains(err.Error(), "hidden") {
				t.Errorf("the address is shown: %v", err)
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
