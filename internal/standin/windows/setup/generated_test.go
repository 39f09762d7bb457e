package setup_test

import (
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// TestTablesAgree compares the table here with the plugin's own, which was
// written apart from it and is the larger: what both know they must know alike.
func TestTablesAgree(t *testing.T) {
	type place struct{ pass, component, path string }
	plugin := map[place]answerfile.Element{}
	for _, e := range answerfile.Schema() {
		plugin[place{e.Pass, e.Component, e.Path}] = e
	}
	if len(plugin) == 0 {
		t.Fatal("answerfile.Schema is empty")
	}
	for _, s := range setup.Settings() {
		e, ok := plugin[place{s.Pass, s.Component, s.Path}]
		switch {
		case !ok:
			t.Errorf("%s %s %s: the plugin does not know it", s.Pass, s.Component, s.Path)
		case e.List != s.List || e.KeyValue != s.KeyValue:
			t.Errorf("%s %s %s: list %v, keyValue %v; the plugin says %v, %v", s.Pass, s.Component, s.Path, s.List, s.KeyValue, e.List, e.KeyValue)
		case s.Kind != kinds[e.Type]:
			t.Errorf("%s %s %s: %q here, %q in the plugin (%s)", s.Pass, s.Component, s.Path, s.Kind, kinds[e.Type], e.Source)
		}
	}
}

var kinds = map[answerfile.ValueType]string{
	answerfile.Group: "", answerfile.Text: "text", answerfile.Bool: "bool", answerfile.Int: "int", answerfile.Enum: "enum",
}

// TestGeneratedFilesPass checks every pass of the plugin's own answer files.
func TestGeneratedFilesPass(t *testing.T) {
	for _, build := range []int{14393, 17763, 20348, 26100} {
		for _, firmware := range []answerfile.Firmware{answerfile.UEFI, answerfile.BIOS} {
			for _, language := range []string{"en-US", "ko-KR", "ja-JP"} {
				checkGenerated(t, build, firmware, language)
			}
		}
	}
}

func checkGenerated(t *testing.T, build int, firmware answerfile.Firmware, language string) {
	t.Helper()
	product, err := windows.ProductOf(build, "Server")
	if err != nil {
		t.Fatal(err)
	}
	data, err := answerfile.Autounattend(answerfile.Answers{
		Product: product, Firmware: firmware, Language: language, AdministratorPassword: "Aa1!<&>\"' 비밀🔑x9",
		Image: answerfile.Image{
			Index: 2, EditionID: "ServerStandardEval", Architecture: "amd64", Languages: []string{language},
			DefaultLanguage: language, SetupLanguages: []string{language}, Channel: answerfile.Evaluation, Editions: 4,
		},
	})
	if err != nil {
		t.Fatalf("%d %s %s: %v", build, firmware, language, err)
	}
	answers, screen := setup.Parse("E:\\Autounattend.xml", data)
	if screen == nil {
		screen = answers.Check("windowsPE", "Server")
	}
	var specialized setup.Specialized
	if screen == nil {
		specialized, screen = answers.Specialize(setup.Installed{Type: "Server", EditionID: "ServerStandardEval", Build: build}, func(name string) bool {
			zone, err := windows.LookupTimeZone(name)
			return err == nil && zone.Windows == name
		})
	}
	var welcomed setup.Welcomed
	if screen == nil {
		welcomed, screen = answers.Welcome("Server", specialized.ComputerName, "Administrator")
	}
	if screen != nil {
		t.Errorf("%d %s %s: %v (%s)", build, firmware, language, screen, screen.Log)
		return
	}
	if welcomed.AdministratorPassword != "Aa1!<&>\"' 비밀🔑x9" {
		t.Errorf("%d %s %s: password %q", build, firmware, language, welcomed.AdministratorPassword)
	}
	for _, c := range specialized.Commands {
		if _, err := setup.Interpret(c.Line); err != nil {
			t.Errorf("%d %s %s: %v", build, firmware, language, err)
		}
	}
	if len(welcomed.Commands) != 1 || welcomed.Commands[0].Line != answerfile.FirstLogonCommand() {
		t.Errorf("%d %s %s: first-logon commands %+v", build, firmware, language, welcomed.Commands)
	}
}
