package model

import (
	"regexp"
	"slices"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

var (
	strayPackage = regexp.MustCompile(`SYSPRP Package (\S+) was installed for a user`)
	provider     = regexp.MustCompile(`Failure occurred while executing '([^']+)' from ([^;]+);\s*dwRet = (0x[0-9a-fA-F]+)`)
	library      = regexp.MustCompile(`Failure occurred while executing '([^',]+),([^']+)',\s*returned error code (\w+)`)
)

// sysprepFailure reads setuperr.log as seal.ps1 does.
func (m *Model) sysprepFailure(state string) error {
	b, _ := m.disk.read(sysprepErr)
	text := string(b)
	var packages []string
	for _, match := range strayPackage.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(packages, match[1]) {
			packages = append(packages, match[1])
		}
	}
	code, message := guest.SealValidate, "setuperr.log names no cause that is known here"
	match, external := provider.FindStringSubmatch(text), library.FindStringSubmatch(text)
	switch lower := strings.ToLower(text); {
	case len(packages) > 0 || strings.Contains(lower, "0x80073cf2"):
		code, message = guest.SealAppX, "a Store package is installed for one user but not for all: "+strings.Join(packages, ", ")
	case strings.Contains(lower, "0x80310039"):
		code, message = guest.SealBitLocker, "BitLocker is on, or drive C: is not fully decrypted; turn it off with manage-bde -off C: and wait (0x80310039)"
	case strings.Contains(lower, "0x800f0975"):
		code, message = guest.SealReservedStorage, "Windows holds reserved storage, as while an update is installed; let updates finish and restart (0x800f0975)"
	case strings.Contains(lower, "0xc004d307"):
		code, message = guest.SealRearm, "the number of times that this installation may be rearmed is used up; install afresh, or set skip_rearm (0xc004d307)"
	case strings.Contains(text, "value senseGuid"):
		code, message = guest.SealDefender, "Defender for Endpoint guards its registration; run the offboarding script of your tenant before the sysprep block, and install afresh (value senseGuid)"
	case strings.Contains(text, "will not run on an upgraded OS"):
		code, message = guest.SealUpgraded, "this Windows was upgraded from an older one; install afresh (will not run on an upgraded OS)"
	case match != nil:
		code, message = guest.SealProvider, match[1]+" of "+match[2]+" failed with "+match[3]
	case external != nil:
		code, message = guest.SealProvider, external[2]+" of "+external[1]+" failed with "+external[3]
	}
	detail := ""
	for _, name := range packages {
		detail += "package: " + name + "\n"
	}
	detail += text
	f := guest.Failure{Code: code, Message: "sysprep refused: " + message + "; ImageState is " + state, Detail: detail}
	if state == stateUndeployable {
		f.Code, f.Message = guest.SealUndeployable, "sysprep failed half-way and has spoiled the image: "+message
	}
	return &failed{f}
}
