package setup

import (
	"fmt"
	"path"
	"strings"
)

// winPEDriverFolder is searched by setup.exe at the root of every medium.
const winPEDriverFolder = "$WinPEDriver$"

// The codes with which the Setup of 24H2 and Server 2025 gives up when it
// installs the drivers of an answer file; its log line is
// ExecuteUnattendDriverInstall.
const (
	driverTwice      = "0x80070103 - 0x40031"
	driverEntries    = "0xD000A000 - 0x40031"
	driverIncomplete = "0x80070002 - 0x40031"
)

// conXEntryLimit: 360 and 60 entries made it give up, ten are shipped and
// build (chef/bento); which number is the limit is not known.
const conXEntryLimit = 10

// collectDrivers finds the drivers that the answer file and $WinPEDriver$
// offer.
func (s *Session) collectDrivers() *Screen {
	listed, screen := s.listedDrivers()
	if screen != nil {
		return screen
	}
	s.Drivers = listed
	for _, disc := range s.Machine.Discs {
		s.Drivers = append(s.Drivers, findDrivers(disc, winPEDriverFolder)...)
	}
	if s.Machine.Medium.conX() {
		return s.checkConX()
	}
	s.Drivers = firstComplete(s.Drivers)
	return nil
}

// listedDrivers follows DriverPaths, each searched with its subfolders.
func (s *Session) listedDrivers() ([]DriverPackage, *Screen) {
	c := s.Answers.component("windowsPE", "Microsoft-Windows-PnpCustomizationsWinPE")
	entries := c.all("DriverPaths", "PathAndCredentials")
	var found []DriverPackage
	for _, entry := range entries {
		text, _ := entry.value("Path")
		disc, folder, ok := s.place(text)
		if s.Machine.Medium.conX() {
			switch {
			case len(entries) > conXEntryLimit || folder == ".":
				return nil, conXDriverScreen(driverEntries, fmt.Sprintf("%d DriverPaths, %q", len(entries), text), "Intellicrack's tests on 26100")
			case !ok:
				return nil, conXDriverScreen(driverIncomplete, fmt.Sprintf("DriverPaths %q: no such folder", text), "vikix on 25H2; others saw absent letters tolerated")
			}
		}
		if ok {
			found = append(found, findDrivers(disc, folder)...)
		}
	}
	return found, nil
}

// place splits a path of the answer file into its disc and folder.
func (s *Session) place(text string) (Disc, string, bool) {
	letter, rest, ok := strings.Cut(text, `:\`)
	if !ok {
		return Disc{}, "", false
	}
	folder := path.Clean(strings.ReplaceAll(rest, `\`, "/"))
	for _, disc := range s.Machine.Discs {
		if strings.EqualFold(disc.Letter, letter) {
			f, err := disc.FS.Open(folder)
			if err != nil {
				return disc, folder, false
			}
			f.Close()
			return disc, folder, true
		}
	}
	return Disc{}, folder, false
}

// checkConX: in the Setup of 24H2 and Server 2025 any driver that fails to
// install ends the installation.
func (s *Session) checkConX() *Screen {
	seen := map[string]string{}
	for _, p := range s.Drivers {
		at := p.Disc.Letter + `:\` + strings.ReplaceAll(path.Join(p.Folder, p.INF), "/", `\`)
		if first, twice := seen[p.Name]; twice {
			return conXDriverScreen(driverTwice, first+" and "+at, "quickemu-project/quickemu commit 6a34e59f")
		}
		seen[p.Name] = at
		if len(p.Missing) > 0 {
			return conXDriverScreen(driverIncomplete, fmt.Sprintf("%s names %s, which is not there", at, strings.Join(p.Missing, ", ")),
				"public reports of 26100 with INFs that name absent files")
		}
	}
	return nil
}

func conXDriverScreen(code, detail, source string) *Screen {
	return &Screen{
		ID: "driver-install", Pass: "windowsPE", Title: "Windows 11 installation has failed",
		Text: code, Log: "ExecuteUnattendDriverInstall: " + code + ": " + detail, Source: source,
	}
}

// firstComplete keeps the first package of each name whose files are all
// there: the older Setup passes over the others.
func firstComplete(all []DriverPackage) []DriverPackage {
	seen := map[string]bool{}
	var kept []DriverPackage
	for _, p := range all {
		if !seen[p.Name] && len(p.Missing) == 0 {
			seen[p.Name] = true
			kept = append(kept, p)
		}
	}
	return kept
}
