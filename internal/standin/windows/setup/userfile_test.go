package setup

import (
	"encoding/xml"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// userFile are the defects that the plugin names in the scene's answer file,
// as it does for one that a user brings.
func (s *scene) userFile(t *testing.T) map[string]bool {
	t.Helper()
	medium := s.machine.Medium
	image := medium.Images[1]
	product, err := windows.ProductOf(medium.Build, image.InstallationType)
	if err != nil {
		t.Fatal(err)
	}
	channel := map[string]answerfile.Channel{"eval": answerfile.Evaluation, "volume": answerfile.Volume, "retail": answerfile.Retail}
	err = answerfile.CheckFile([]byte(s.xml), answerfile.Answers{
		Product: product, Firmware: answerfile.Firmware(s.machine.Firmware),
		Image: answerfile.Image{
			Index: image.Index, Name: image.Name, EditionID: image.EditionID, Architecture: "amd64", Languages: image.Languages,
			DefaultLanguage: image.DefaultLanguage, SetupLanguages: medium.Languages, Channel: channel[medium.Channel], Editions: len(medium.Images),
		},
	})
	found := map[string]bool{}
	for _, defect := range answerfile.Defects(err) {
		found[defect.Error()] = true
	}
	return found
}

// blameless tells the scenes in which Setup stops although the answer file is
// right: the machine or its discs are not, or a disc got another letter.
func blameless(name string) bool {
	for _, part := range []string{
		"no driver for the disk", "driver of the other bus", "package without", "disk too small", "drivers elsewhere than the paths",
		"2025: driver on two discs", "2025: INF names", "2025: processor",
	} {
		if strings.HasPrefix(name, part) {
			return true
		}
	}
	return false
}

// namedBefore: what Setup stops at is named before the machine starts.
func namedBefore(t *testing.T, name string, s *scene) {
	t.Helper()
	if s.xml == "" {
		return // the user has brought no file
	}
	before := newScene().userFile(t)
	for defect := range s.userFile(t) {
		if !before[defect] {
			if blameless(name) {
				t.Errorf("named, but the answer file is right: %s", defect)
			}
			return
		}
	}
	if !blameless(name) {
		t.Error("CheckFile names nothing")
	}
}

// goodFile is a file in which Setup stops nowhere, and the answers that it is
// judged with.
func goodFile(t testing.TB) ([]byte, answerfile.Answers) {
	t.Helper()
	product, err := windows.ProductOf(20348, "Server")
	if err != nil {
		t.Fatal(err)
	}
	a := answerfile.Answers{
		Product: product, Firmware: answerfile.UEFI, AdministratorPassword: "Aa1!-x9-longer",
		BuildAccount:  &answerfile.LocalAccount{Name: "builder", Password: "Aa1!-x9-longer", Administrator: true},
		RemoteDesktop: &answerfile.RemoteDesktop{}, Display: &answerfile.Display{Width: 1024, Height: 768},
		Image: answerfile.Image{
			Index: 2, Name: "Windows Server 2022 SERVERSTANDARD", EditionID: "ServerStandardEval", Architecture: "amd64", Languages: []string{"en-US"},
			DefaultLanguage: "en-US", SetupLanguages: []string{"en-us"}, Channel: answerfile.Evaluation, Editions: 4,
		},
	}
	data, err := answerfile.Autounattend(a)
	if err != nil {
		t.Fatal(err)
	}
	return data, a
}

// values finds each element of a file that holds a value alone: the whole of it,
// its name, and the value, as FindAllSubmatchIndex has them. Setup's letters of
// the discs and the disk's size are not the file's.
func values(data []byte) [][]int {
	return slices.DeleteFunc(regexp.MustCompile(`<(\w+)>([^<]*)</\w+>`).FindAllSubmatchIndex(data, -1), func(at []int) bool {
		element := string(data[at[2]:at[3]])
		return element == "Path" || element == "Size"
	})
}

// TestEveryValueOfAFile leaves out each value of a good file, and puts others in
// its place: where Setup stops, the plugin has named a defect.
func TestEveryValueOfAFile(t *testing.T) {
	t.Parallel()
	data, a := goodFile(t)
	stops := 0
	for _, at := range values(data) {
		element, value := string(data[at[2]:at[3]]), string(data[at[4]:at[5]])
		variants := map[string]string{"left out": string(data[:at[0]]) + string(data[at[1]:])}
		for _, other := range []string{"", "x", "0", "1", "2", "true", "false", "99999", "ko-KR", "EFI", "MSR", "Always"} {
			variants[other] = string(data[:at[4]]) + other + string(data[at[5]:])
		}
		for _, other := range []string{strings.ToUpper(value), strings.ToLower(value)} {
			if other != value { // Setup may want it written as it is
				variants[other] = string(data[:at[4]]) + other + string(data[at[5]:])
			}
		}
		for name, xml := range variants {
			s := newScene()
			s.xml = xml
			_, screen := s.run()
			if screen == nil {
				continue
			}
			stops++
			if answerfile.CheckFile([]byte(xml), a) == nil {
				t.Errorf("%s %q, %s: no defect is named, and Setup stops: %v (%s)", element, value, name, screen, screen.Log)
			}
		}
	}
	if stops < 100 {
		t.Errorf("Setup stopped at %d variants alone", stops)
	}
}

// FuzzUserFile puts any text in the place of a value of a good file: where Setup
// stops, the plugin must have named a defect.
func FuzzUserFile(f *testing.F) {
	data, a := goodFile(f)
	at := values(data)
	for i := range at {
		for _, text := range []string{" true ", "TRUE", "+1", "01", "\u00a0", "en-us", "x\ny", "É", "*", "{", "0x1"} {
			f.Add(uint16(i), text)
		}
	}
	f.Fuzz(func(t *testing.T, which uint16, text string) {
		var escaped strings.Builder
		if err := xml.EscapeText(&escaped, []byte(text)); err != nil {
			t.Skip(err)
		}
		value := at[int(which)%len(at)]
		s := newScene()
		s.xml = string(data[:value[4]]) + escaped.String() + string(data[value[5]:])
		_, screen := s.run()
		if screen != nil && answerfile.CheckFile([]byte(s.xml), a) == nil {
			t.Errorf("%s %q: no defect is named, and Setup stops: %v (%s)", data[value[2]:value[3]], text, screen, screen.Log)
		}
	})
}
