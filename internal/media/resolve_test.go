package media_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/wim"
)

func TestResolve(t *testing.T) {
	server, client := inspect(t, mediatest.Spec(mediatest.Server2022Eval())), inspect(t, mediatest.Spec(mediatest.Windows11("ko-KR")))
	pro := mediatest.Windows11("ko-KR")[3]
	pro.Index = 1
	one := inspect(t, mediatest.Spec([]wim.Image{pro}))
	evaluation := inspect(t, mediatest.Spec([]wim.Image{{
		Index: 1, Name: "Windows 11 Enterprise Evaluation", DisplayName: "Windows 11 Enterprise Evaluation", Flags: "EnterpriseEval",
		EditionID: "EnterpriseEval", InstallationType: "Client", Architecture: "amd64", Build: 26100,
	}, {
		Index: 2, Name: "Windows 11 Enterprise N Evaluation", DisplayName: "Windows 11 Enterprise N Evaluation", Flags: "EnterpriseNEval",
		EditionID: "EnterpriseNEval", InstallationType: "Client", Architecture: "amd64", Build: 26100,
	}}))
	// as DISM calls them, and media that are made from updates
	var images []wim.Image
	for _, x := range mediatest.Server2022Eval() {
		if x.InstallationType == "Server Core" {
			x.EditionID += "Cor"
			x.Flags = x.EditionID
		}
		images = append(images, x)
	}
	cor := inspect(t, mediatest.Spec(images))
	if cor.Channel != media.ChannelEvaluation || !cor.Images[0].Evaluation {
		t.Errorf("channel %s, %+v", cor.Channel, cor.Images[0])
	}
	for _, c := range []struct {
		name  string
		facts *media.Facts
		wish  media.Wish
		want  int
	}{
		{"word of the name", server, media.Wish{Edition: "SERVERSTANDARD"}, 2},
		{"core's word", server, media.Wish{Edition: "ServerStandardCore"}, 1},
		{"lower case", server, media.Wish{Edition: "serverdatacenter"}, 4},
		{"edition id", server, media.Wish{Edition: "ServerStandardEval"}, 2},
		{"edition id of core", server, media.Wish{Edition: "ServerDatacenterEvalCore"}, 3},
		{"edition id without evaluation", server, media.Wish{Edition: "ServerDatacenterCore"}, 3},
		{"DISM's edition id of core", server, media.Wish{Edition: "ServerStandardEvalCor"}, 1},
		{"DISM's edition id without evaluation", server, media.Wish{Edition: "serverdatacentercor"}, 3},
		{"DISM's on a disc with it", cor, media.Wish{Edition: "ServerStandardEvalCor"}, 1},
		{"DISM's without evaluation on a disc with it", cor, media.Wish{Edition: "ServerDatacenterCor"}, 3},
		{"core's word on a disc with DISM's", cor, media.Wish{Edition: "SERVERDATACENTERCORE"}, 3},
		{"edition id on a disc with DISM's", cor, media.Wish{Edition: "ServerStandardEvalCore"}, 1},
		{"desktop on a disc with DISM's", cor, media.Wish{Edition: "ServerStandard"}, 2},
		{"short core", server, media.Wish{Edition: "Datacenter Core"}, 3},
		{"display words", server, media.Wish{Edition: "Standard Evaluation (Desktop Experience)"}, 2},
		{"name", server, media.Wish{ImageName: "Windows Server 2022 SERVERSTANDARD"}, 2},
		{"name in another case", server, media.Wish{ImageName: "windows server 2022 serverstandardcore"}, 1},
		{"display name", server, media.Wish{ImageName: "Windows Server 2022 Standard Evaluation (Desktop Experience)"}, 2},
		{"display name without evaluation", server, media.Wish{ImageName: "Windows Server 2022 Datacenter (Desktop Experience)"}, 4},
		{"display name that begins another", server, media.Wish{ImageName: "Windows Server 2022 Datacenter Evaluation"}, 3},
		{"index", server, media.Wish{ImageIndex: 3}, 3},
		{"index and edition", server, media.Wish{ImageIndex: 4, Edition: "SERVERDATACENTER"}, 4},
		{"architecture", server, media.Wish{Edition: "SERVERSTANDARD", Architecture: "x64"}, 2},
		{"client edition id", client, media.Wish{Edition: "Professional"}, 4},
		{"client word", client, media.Wish{Edition: "Pro"}, 4},
		{"client word N", client, media.Wish{Edition: "Pro N"}, 5},
		{"client home", client, media.Wish{Edition: "core"}, 1},
		{"client name", client, media.Wish{ImageName: "Windows 11 Pro"}, 4},
		{"only one", one, media.Wish{}, 1},
		{"evaluation client", evaluation, media.Wish{Edition: "Enterprise"}, 1},
		{"evaluation client N", evaluation, media.Wish{Edition: "Enterprise N"}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.facts.Resolve(c.wish)
			if err != nil || got.Index != c.want {
				t.Errorf("index %d, %v; want %d", got.Index, err, c.want)
			}
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	facts := inspect(t, mediatest.Spec(mediatest.Server2022Eval()))
	twins := mediatest.Server2022Eval()
	twins[1].Name, twins[1].DisplayName = twins[0].Name, twins[0].DisplayName
	twin := inspect(t, mediatest.Spec(twins))
	for _, c := range []struct {
		name      string
		facts     *media.Facts
		wish      media.Wish
		field     string
		ambiguous int
	}{
		{"absent edition", facts, media.Wish{Edition: "SERVERESSENTIALS"}, "edition", 0},
		{"absent name", facts, media.Wish{ImageName: "Windows Server 2025 SERVERSTANDARD"}, "image_name", 0},
		{"absent index", facts, media.Wish{ImageIndex: 9}, "image_index", 0},
		{"contradiction", facts, media.Wish{ImageIndex: 1, Edition: "SERVERDATACENTER"}, "edition", 0},
		{"other architecture", facts, media.Wish{Edition: "SERVERSTANDARD", Architecture: "arm64"}, "architecture", 0},
		{"nothing", facts, media.Wish{}, "edition", 0},
		// DISPLAYNAME "… Standard" is the core edition, edition id without Server the other
		{"short and ambiguous", facts, media.Wish{Edition: "Standard"}, "edition", 2},
		{"short, evaluation, ambiguous", facts, media.Wish{Edition: "Standard Evaluation"}, "edition", 2},
		{"ambiguous", twin, media.Wish{ImageName: twins[0].Name}, "image_name", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.facts.Resolve(c.wish)
			var choice *media.ChoiceError
			if !errors.As(err, &choice) {
				t.Fatalf("%v, want a ChoiceError", err)
			}
			if choice.Field != c.field || len(choice.Ambiguous) != c.ambiguous || len(choice.Choices) != 4 {
				t.Errorf("field %q, %d ambiguous, %d choices", choice.Field, len(choice.Ambiguous), len(choice.Choices))
			}
			if text := err.Error(); !strings.HasPrefix(text, c.field+": ") || !strings.Contains(text, "Windows Server 2022 SERVERSTANDARDCORE") {
				t.Errorf("the text lacks the field or the choices:\n%s", text)
			}
		})
	}
}

func TestResolveNamesAContradiction(t *testing.T) {
	facts := inspect(t, mediatest.Spec(mediatest.Server2022Eval()))
	for _, c := range []struct {
		wish media.Wish
		want string
	}{
		{media.Wish{ImageIndex: 1, Edition: "SERVERDATACENTER"}, `edition: "SERVERDATACENTER" contradicts image_index "1"`},
		{media.Wish{ImageIndex: 2, ImageName: "Windows Server 2022 SERVERDATACENTER"}, `contradicts image_index "2"`},
		{media.Wish{ImageIndex: 1, Edition: "Professional"}, `edition: "Professional" fits no image`},
	} {
		if _, err := facts.Resolve(c.wish); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v; want %q", err, c.want)
		}
	}
}
