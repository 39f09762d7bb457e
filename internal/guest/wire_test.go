package guest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestLauncherFitsTheCommandLine(t *testing.T) {
	// cmd.exe takes 8,191 characters; WinRM puts its own words before ours.
	for name, line := range map[string]string{"launcher": Launcher(), "from a file": LauncherFor(`C:\Windows\Temp\wintemplate-0123456789abcdef.request`)} {
		if len(line) > 8000 {
			t.Errorf("%s has %d characters", name, len(line))
		}
	}
	if !strings.HasPrefix(Launcher(), "powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand ") {
		t.Error(Launcher())
	}
}

func TestRequestRoundTrip(t *testing.T) {
	r := Request{Operation: "facts", Parameters: json.RawMessage(`{"a":"한글 日本語 \" $x ` + "`" + ` '"}`), Script: "# 한글\n$x = '\"'\n"}
	b := EncodeRequest(r)
	for line := range strings.Lines(string(b)) {
		if !strings.HasSuffix(line, "\r\n") {
			t.Errorf("the line %q does not end in CRLF", line)
		}
	}
	got, err := DecodeRequest(bytes.NewReader(b))
	if err != nil || got.Operation != r.Operation || string(got.Parameters) != string(r.Parameters) || got.Script != r.Script {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "YQ==\r\n", "YQ==\r\nYQ==\r\nYQ==\r\n", "!\r\ne30=\r\nYQ==\r\n", "YQ==\ne30=\nYQ==\n"} {
		if _, err := DecodeRequest(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestResultRoundTrip(t *testing.T) {
	e := Envelope{OK: true, Result: json.RawMessage(`{"a":"日本"}`), Reboot: true}
	got, err := DecodeResult([]byte("noise\r\n" + EncodeResult(e) + "more noise"))
	if err != nil || !got.OK || !got.Reboot || string(got.Result) != string(e.Result) {
		t.Errorf("%+v, %v", got, err)
	}
	failed := EncodeResult(Envelope{Error: &Failure{Code: "msi", Message: "m", Detail: "d"}})
	if got, err := DecodeResult([]byte(failed)); err != nil || got.OK || *got.Error != (Failure{"msi", "m", "d"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := DecodeResult([]byte("nothing here")); !errors.Is(err, ErrNoResult) {
		t.Errorf("%v", err)
	}
	for name, bad := range map[string]string{
		"two":           EncodeResult(e) + EncodeResult(e),
		"no base64":     ResultPrefix + "!!",
		"no JSON":       ResultPrefix + base64.StdEncoding.EncodeToString([]byte("{")),
		"neither nor":   ResultPrefix + base64.StdEncoding.EncodeToString([]byte(`{"ok":false}`)),
		"not an object": ResultPrefix + base64.StdEncoding.EncodeToString([]byte(`[1]`)),
	} {
		if _, err := DecodeResult([]byte(bad)); err == nil || errors.Is(err, ErrNoResult) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOperations(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range Operations() {
		if seen[o.Name] {
			t.Errorf("%s is defined twice", o.Name)
		}
		seen[o.Name] = true
		if got, ok := LookupScript(o.Script); !ok || got.Name != o.Name {
			t.Errorf("the script of %s is that of %s", o.Name, got.Name)
		}
		if o.Deadline <= 0 {
			t.Errorf("%s has no deadline", o.Name)
		}
	}
	if _, ok := LookupScript("other"); ok {
		t.Error("another script was recognised")
	}
}

func TestMarshalWritesNoNull(t *testing.T) {
	b, err := marshal(SealParameters{Reverts: []Revert{{ID: "x"}}})
	if err != nil || bytes.Contains(b, []byte("null")) {
		t.Errorf("%s, %v", b, err)
	}
	b, _ = marshal(InstallParameters{})
	if !bytes.Contains(b, []byte(`"properties":[]`)) {
		t.Errorf("%s", b)
	}
}
