package model

import (
	"encoding/binary"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/regf"
)

const internetSettingsKey = `Microsoft\Windows\CurrentVersion\Internet Settings`

// setProxy is the bootstrap's: `netsh.exe winhttp set proxy`, and the machine's
// own for its users.
func (b *bootstrap) setProxy() {
	p := b.params.Proxy
	if p == nil {
		return
	}
	bypass := strings.Join(p.Bypass, ";")
	settings := b.software.Create(internetSettingsKey)
	b.software.Create(internetSettingsKey + `\Connections`).Set(regf.BinaryValue("WinHttpSettings", winHTTPSettings(p.Server, bypass)))
	b.software.SetDWord(`Policies\`+internetSettingsKey, "ProxySettingsPerUser", 0)
	settings.Set(regf.DWordValue("ProxyEnable", 1))
	settings.Set(regf.StringValue("ProxyServer", p.Server))
	if bypass != "" {
		settings.Set(regf.StringValue("ProxyOverride", bypass))
	}
}

// winHTTPSettings is how netsh.exe stores a proxy: a head of three numbers
// (0x18, a counter, 3 for "direct and proxy"), then both texts after their
// lengths.
func winHTTPSettings(server, bypass string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0x18)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, 3)
	for _, text := range []string{server, bypass} {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	return b
}
