package setup

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// answerFileName is the name that the windowsPE pass wants.
const answerFileName = "Autounattend.xml"

// Session is a Setup that has got past its first pages: the answer file is
// read, and it knows which commands and drivers come before the disks.
type Session struct {
	Machine  Machine
	Answers  *Answers
	File     []byte // the answer file, which Setup copies to Panther
	Language string // of Setup's pages
	// Commands are run before any driver is loaded: from setupact.log in
	// cschneegans/unattend-generator#52.
	Commands []Command
	// Drivers go into the driver store, and those for a device that is there
	// are loaded.
	Drivers []DriverPackage
}

// Start is Setup up to the point where it looks for disks.
func Start(m Machine) (*Session, *Screen) {
	if screen := checkProcessor(m); screen != nil {
		return nil, screen
	}
	s := &Session{Machine: m}
	if screen := s.findAnswers(); screen != nil {
		return nil, screen
	}
	installation := "Server"
	if m.Medium.client() {
		installation = "Client"
	}
	if screen := s.Answers.Check("windowsPE", installation); screen != nil {
		return nil, screen
	}
	if screen := s.chooseLanguage(); screen != nil {
		return nil, screen
	}
	setup := s.Answers.component("windowsPE", "Microsoft-Windows-Setup")
	s.Commands = commands(setup, "RunSynchronous", "RunSynchronousCommand", "Path")
	if screen := s.collectDrivers(); screen != nil {
		return nil, screen
	}
	return s, nil
}

// checkProcessor: 24H2 and Server 2025 do not start without SSE4.2 and POPCNT.
func checkProcessor(m Machine) *Screen {
	if !m.Medium.conX() {
		return nil
	}
	for _, flag := range []string{"sse4_2", "popcnt"} {
		if !slices.Contains(m.CPUFlags, flag) {
			return &Screen{
				ID: "cpu-unsupported", Pass: "windowsPE", Title: "Your device ran into a problem and needs to restart.",
				Text: "Stop code: UNSUPPORTED PROCESSOR", Log: "the processor lacks " + flag,
				Source: "pbatard/rufus#2600, hetzneronline/community-content#1114",
			}
		}
	}
	return nil
}

// findAnswers looks where Setup looks: here every place but read-only
// removable media is empty ("Methods for running Windows Setup", Microsoft).
func (s *Session) findAnswers() *Screen {
	for _, disc := range s.Machine.Discs {
		data, err := fs.ReadFile(disc.FS, answerFileName)
		if err != nil {
			continue
		}
		s.File = data
		var screen *Screen
		s.Answers, screen = Parse(disc.Letter+`:\`+answerFileName, data)
		return screen
	}
	return s.languagePage("no Autounattend.xml at the root of a removable medium")
}

func (s *Session) languagePage(detail string) *Screen {
	return &Screen{
		ID: "language-page", Pass: "windowsPE", Title: "Windows Setup",
		Text: "Language to install / Time and currency format / Keyboard or input method", Log: detail,
		Source: "learn.microsoft.com: Methods for running Windows Setup; cschneegans/unattend-generator#64",
	}
}

// chooseLanguage: without a language of lang.ini Setup asks. The list in
// lang.ini rules, not that of install.wim.
func (s *Session) chooseLanguage() *Screen {
	c := s.Answers.component("windowsPE", "Microsoft-Windows-International-Core-WinPE")
	if c == nil {
		return s.languagePage("the answer file has no Microsoft-Windows-International-Core-WinPE")
	}
	language, _ := c.value("UILanguage")
	if page, ok := c.value("SetupUILanguage/UILanguage"); ok && page != "" && !strings.EqualFold(page, language) {
		if !s.hasLanguage(page) {
			return s.languagePage(fmt.Sprintf("SetupUILanguage %s is not in sources\\lang.ini", page))
		}
	}
	if language == "" {
		return s.languagePage("the answer file has no UILanguage")
	}
	if !s.hasLanguage(language) {
		return s.languagePage(fmt.Sprintf("UILanguage %s is not in sources\\lang.ini: %s", language, strings.Join(s.Machine.Medium.Languages, ", ")))
	}
	for _, element := range []string{"InputLocale", "UserLocale"} {
		if text, _ := c.value(element); text == "" {
			return s.languagePage("the answer file has no " + element)
		}
	}
	s.Language = language
	return s.wishedPage("Microsoft-Windows-International-Core-WinPE", "SetupUILanguage", "language-page", "Language to install / Time and currency format / Keyboard or input method")
}

func (s *Session) hasLanguage(tag string) bool {
	return slices.ContainsFunc(s.Machine.Medium.Languages, func(known string) bool {
		return strings.EqualFold(known, tag)
	})
}
