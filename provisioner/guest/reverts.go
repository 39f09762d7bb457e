package guest

import (
	"slices"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
)

// settingsOf is what the builder has set in the guest for the build's sake.
func settingsOf(g *handoff.Guest) []answerfile.Setting {
	return slices.DeleteFunc(answerfile.BuildSettings(), func(s answerfile.Setting) bool { return s.WithProxy && !g.BuildProxy })
}

// pausedUpdates is what guest.UpdatesPause sets.
func pausedUpdates() []answerfile.Setting {
	return slices.DeleteFunc(answerfile.BuildSettings(), func(s answerfile.Setting) bool { return s.ID != "no-auto-update" })
}

func reverts(settings []answerfile.Setting, server bool) []guest.Revert {
	var list []guest.Revert
	for _, s := range settings {
		if server && !s.Servers || !server && !s.Clients {
			continue
		}
		v := guest.Revert{ID: s.ID, Kind: string(s.Kind), Key: s.Key, Name: s.Name, Type: s.Type, Late: late(s)}
		if s.Revert != nil {
			v.Restore, v.Data = true, *s.Revert
		}
		list = append(list, v)
	}
	return list
}

// late settings carry the connection, so they are taken back after sysprep:
// one that fails is then still told.
func late(s answerfile.Setting) bool {
	if s.Kind != answerfile.RegistryValue && s.Kind != answerfile.RegistryKey {
		return true
	}
	for _, part := range []string{`\WSMAN`, `\Services\WinRM`, `\Policies\System`} {
		if strings.Contains(strings.ToUpper(s.Key), strings.ToUpper(part)) {
			return true
		}
	}
	return false
}
