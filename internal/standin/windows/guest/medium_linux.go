package guest

import (
	"bufio"
	"bytes"
	"io/fs"
	"os"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/setup"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/wimfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/winfs"
)

// openMedium reads what Setup wants to know of the installation disc.
func (g *machine) openMedium() (setup.Medium, *wimfile.File, error) {
	disc := winfs.New(os.DirFS(g.config.folder))
	m := setup.Medium{Build: g.config.Build}
	if data, err := fs.ReadFile(disc, "sources/lang.ini"); err == nil {
		m.Languages = iniKeys(data, "Available UI Languages")
	}
	if data, err := fs.ReadFile(disc, "sources/ei.cfg"); err == nil {
		if lines := iniKeys(data, "Channel"); len(lines) > 0 {
			m.Channel = strings.ToLower(lines[0])
		}
	}
	name, err := disc.Name("sources/install.wim")
	if err != nil {
		return m, nil, err
	}
	file, err := os.Open(g.config.folder + "/" + name)
	if err != nil {
		return m, nil, err
	}
	wim, err := wimfile.Open(file)
	if err != nil {
		return m, nil, err
	}
	m.Images = wim.Images
	return m, wim, nil
}

// iniKeys lists the keys, or bare lines, of an ini file's section.
func iniKeys(data []byte, section string) []string {
	var keys []string
	in := false
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			in = strings.EqualFold(strings.Trim(line, "[]"), section)
			continue
		}
		if key, _, _ := strings.Cut(line, "="); in && strings.TrimSpace(key) != "" {
			keys = append(keys, strings.TrimSpace(key))
		}
	}
	return keys
}
