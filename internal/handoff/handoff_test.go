package handoff

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGuestRoundTrip(t *testing.T) {
	want := Guest{
		Version: GuestVersion, CertificateSHA256: strings.Repeat("ab", 32), DiscManifestSHA256: strings.Repeat("01", 32),
		Build: 20348, Server: true, Edition: "ServerStandard", Language: "ko-KR", TimeZone: "Korea Standard Time",
		Firmware: "uefi", Account: "Administrator",
	}
	got, err := ParseGuest(want.String())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestParseGuestRefuses(t *testing.T) {
	good := Guest{CertificateSHA256: strings.Repeat("ab", 32), DiscManifestSHA256: strings.Repeat("01", 32)}
	noPin := good
	noPin.CertificateSHA256 = ""
	tests := map[string]struct{ in, want string }{
		"no JSON":      {"<unknown>", GuestKey},
		"version":      {`{"version":2}`, "version 2"},
		"pin is empty": {noPin.String(), "certificate_sha256"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseGuest(test.in)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestDiscManifest(t *testing.T) {
	var m DiscManifest
	for _, f := range []struct{ path, text string }{{"wintemplate/payload/b.msi", "bb"}, {"Autounattend.xml", "a"}} {
		if err := m.Add(f.path, strings.NewReader(f.text)); err != nil {
			t.Fatal(err)
		}
	}
	data, sum := m.Encode()
	again, sumAgain := m.Encode()
	if sum != sumAgain || string(data) != string(again) {
		t.Error("two encodings differ")
	}
	back, err := ParseDiscManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	if back.Files[0].Path != "Autounattend.xml" {
		t.Errorf("files are not sorted: %v", back.Files)
	}
	f, ok := back.Lookup("WINTEMPLATE/Payload/b.MSI")
	want := DiscFile{"wintemplate/payload/b.msi", 2, "3b64db95cb55c763391c707108489ae18b4112d783300de38e033b4c98c3deaf"}
	if !ok || f != want {
		t.Errorf("Lookup: %+v, %v, want %+v", f, ok, want)
	}
	if _, ok := back.Lookup("absent"); ok {
		t.Error("Lookup finds an absent file")
	}
}

func TestManifestState(t *testing.T) {
	want := Manifest{
		Version: ManifestVersion, Disk: Disk{Path: "x.qcow2", Size: 7},
		Findings: []Finding{{ID: "image-state", Severity: OK, Object: "SOFTWARE", Found: "x"}},
	}
	b, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseManifest(string(b))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, other := range []any{nil, "", map[string]any{}} {
		if _, err := ParseManifest(other); !errors.Is(err, ErrNoManifest) {
			t.Errorf("ParseManifest(%v): %v, want ErrNoManifest", other, err)
		}
	}
	if _, err := ParseManifest(`{"version":9}`); err == nil || !strings.Contains(err.Error(), "version 9") {
		t.Errorf("version 9: %v", err)
	}
}
