//go:generate packer-sdc mapstructure-to-hcl2 -type Config,Output,Image

// Package media is the data source wintemplate-media: what a Windows
// installation ISO holds, as values for HCL, so that one template serves many
// ISOs.
package media

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/hashicorp/packer-plugin-sdk/common"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
)

// Config is the data source's block.
type Config struct {
	common.PackerConfig `mapstructure:",squash"`

	// The ISO: a path, or an address that begins with `http://`, `https://` or
	// `file://`. Of a remote ISO only some hundred KB are transferred; its server
	// must serve ranges.
	URL string `mapstructure:"url" required:"true"`
	// Looks one image up, as the builder's `edition` does; `image` is then that
	// one. An edition that the ISO does not hold is an error with the list.
	Edition string `mapstructure:"edition"`
	// Looks one image up by its name.
	ImageName string `mapstructure:"image_name"`
	// Looks one image up by its index, counted from 1.
	ImageIndex int `mapstructure:"image_index"`
	// The ISO must be of this architecture: `amd64`, `x86` or `arm64`.
	Architecture string `mapstructure:"architecture"`
}

// Output is what the data source gives.
type Output struct {
	// The volume's label.
	Label string `mapstructure:"label"`
	// The product, e.g. `Windows Server 2022`; empty for a Windows that the
	// plugin doesn't know, such as Windows 8.1: what the ISO says of itself is
	// given all the same.
	Product string `mapstructure:"product"`
	// Whether the product is a server; false when the product is not known.
	Server bool `mapstructure:"server"`
	// The build number, e.g. 20348.
	Build int `mapstructure:"build"`
	// `amd64`, `x86` or `arm64`.
	Architecture string `mapstructure:"architecture"`
	// `evaluation`, `volume`, `retail`, `oem` or `unknown`.
	Channel string `mapstructure:"channel"`
	// The languages that Setup itself can speak.
	SetupLanguages []string `mapstructure:"setup_languages"`
	// The names of all images, by index.
	ImageNames []string `mapstructure:"image_names"`
	// All images, by index.
	Images []Image `mapstructure:"images"`
	// The image that was looked up; the only one when the ISO holds one. Empty
	// otherwise.
	Image Image `mapstructure:"image"`
}

// Image is one Windows on the ISO.
type Image struct {
	// Counted from 1.
	Index int `mapstructure:"index"`
	// The name that the answer file uses.
	Name string `mapstructure:"name"`
	// The name that DISM prints.
	DisplayName string `mapstructure:"display_name"`
	// The edition id, e.g. `ServerStandardEval`.
	EditionID string `mapstructure:"edition_id"`
	// `Client`, `Server` or `Server Core`.
	InstallationType string `mapstructure:"installation_type"`
	// `amd64`, `x86` or `arm64`.
	Architecture string `mapstructure:"architecture"`
	// The image's languages.
	Languages []string `mapstructure:"languages"`
	// The language that it starts with.
	DefaultLanguage string `mapstructure:"default_language"`
	// The build number, e.g. 20348.
	Build int `mapstructure:"build"`
	// What follows the build number in the version, which updates count up, e.g.
	// 587 of 20348.587; DISM calls it the service pack's build.
	ServicePackBuild int `mapstructure:"service_pack_build"`
	// Whether it is an evaluation copy.
	Evaluation bool `mapstructure:"evaluation"`
}

// prepare names everything that is wrong.
func (c *Config) prepare() error {
	var errs []error
	if c.URL == "" {
		errs = append(errs, errors.New("url: not given; give the path or the address of an ISO"))
	} else if scheme, _, ok := strings.Cut(c.URL, "://"); ok {
		if _, err := url.Parse(c.URL); err != nil {
			errs = append(errs, errors.New("url: not a valid address"))
		} else if scheme != "http" && scheme != "https" && scheme != "file" {
			errs = append(errs, fmt.Errorf("url: scheme %q; use http, https, file or a path", scheme))
		} else if _, _, err := media.FileURL(c.URL); err != nil {
			errs = append(errs, fmt.Errorf("url: %w", err))
		}
	}
	if c.ImageIndex < 0 {
		errs = append(errs, fmt.Errorf("image_index: %d; images are counted from 1", c.ImageIndex))
	}
	return errors.Join(errs...)
}
