package packerui

import (
	"bytes"
	"strings"
	"testing"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
)

func TestNothingSaidHoldsASecret(t *testing.T) {
	const secret = "Correct#Horse7"
	redact.Add(secret)
	var out, errs bytes.Buffer
	ui := Wrap(Wrap(&packersdk.BasicUi{Reader: strings.NewReader("\n"), Writer: &out, ErrorWriter: &errs}))
	ui.Say("say " + secret)
	ui.Sayf("sayf %s", secret)
	ui.Message("message " + secret) //nolint:staticcheck // deprecated, and still a way out
	ui.Error("error " + secret)
	ui.Errorf("errorf %s", secret)
	ui.Machine("machine", secret)
	text := out.String() + errs.String()
	if strings.Contains(text, secret) {
		t.Errorf("the secret was said:\n%s", text)
	}
	for _, word := range []string{"say", "sayf", "message", "error", "errorf"} {
		if !strings.Contains(text, word+" "+redact.Mask) {
			t.Errorf("%q did not come through:\n%s", word, text)
		}
	}
}

func TestAPercentSignIsNotAVerb(t *testing.T) {
	var out bytes.Buffer
	Wrap(&packersdk.BasicUi{Writer: &out, ErrorWriter: &out}).Sayf("100% done")
	if got := out.String(); got != "100% done\n" {
		t.Errorf("got %q", got)
	}
}
