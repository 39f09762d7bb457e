package setup

import (
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
		"no driver for the disk", "driver of the other bus", "package without", "disk too small", "not wiped", "drivers elsewhere than the paths",
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
