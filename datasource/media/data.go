package media

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/hashicorp/packer-plugin-sdk/hcl2helper"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	"github.com/hashicorp/packer-plugin-sdk/template/config"
	"github.com/zclconf/go-cty/cty"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// Datasource is the data source wintemplate-media.
type Datasource struct{ config Config }

var _ packersdk.Datasource = (*Datasource)(nil)

// timeout bounds the reading of an ISO: some dozen requests of a remote one.
const timeout = 2 * time.Minute

// ConfigSpec implements packersdk.Datasource.
func (d *Datasource) ConfigSpec() hcldec.ObjectSpec { return d.config.FlatMapstructure().HCL2Spec() }

// OutputSpec implements packersdk.Datasource.
func (d *Datasource) OutputSpec() hcldec.ObjectSpec { return (&Output{}).FlatMapstructure().HCL2Spec() }

// Configure implements packersdk.Datasource.
func (d *Datasource) Configure(raws ...any) error {
	d.config = Config{}
	if err := config.Decode(&d.config, nil, raws...); err != nil {
		return err
	}
	return d.config.prepare()
}

// Execute reads the ISO.
func (d *Datasource) Execute() (cty.Value, error) {
	null := cty.NullVal(cty.EmptyObject)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	facts, err := inspect(ctx, d.config.URL)
	if err != nil {
		return null, fmt.Errorf("url: %w", err)
	}
	out, err := output(facts, d.config)
	if err != nil {
		return null, err
	}
	return hcl2helper.HCL2ValueFromConfig(out, d.OutputSpec()), nil
}

// inspect opens the ISO at a path or an address.
func inspect(ctx context.Context, address string) (*media.Facts, error) {
	image, closer, err := open(ctx, address)
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	facts, err := image.Inspect()
	if err != nil {
		return nil, err
	}
	return facts, image.Confirm()
}

func open(ctx context.Context, address string) (*media.Image, io.Closer, error) {
	if strings.HasPrefix(address, "http://") || strings.HasPrefix(address, "https://") {
		image, err := media.OpenURL(ctx, nil, address)
		return image, io.NopCloser(nil), err
	}
	if path, isFile, err := media.FileURL(address); isFile || err != nil {
		if err != nil {
			return nil, nil, err
		}
		return media.OpenFile(path)
	}
	return media.OpenFile(address)
}

// output turns what the ISO says into HCL's values.
func output(facts *media.Facts, c Config) (Output, error) {
	out := Output{
		Label: facts.Label, Build: facts.Build, Architecture: facts.Architecture,
		Channel: string(facts.Channel), SetupLanguages: facts.UILanguages,
	}
	if p, err := windows.ProductOf(facts.Build, facts.Images[0].InstallationType); err == nil {
		out.Product, out.Server = p.Name, p.Server
	}
	for _, x := range facts.Images {
		out.Images = append(out.Images, image(x))
		out.ImageNames = append(out.ImageNames, x.Name)
	}
	wish := media.Wish{Edition: c.Edition, ImageName: c.ImageName, ImageIndex: c.ImageIndex, Architecture: c.Architecture}
	if len(facts.Images) > 1 && wish.Edition == "" && wish.ImageName == "" && wish.ImageIndex == 0 {
		if wish.Architecture == "" {
			return out, nil
		}
		// only the architecture is asked for: any image that has it will do
		wish.ImageIndex = facts.Images[0].Index
		_, err := facts.Resolve(wish)
		return out, err
	}
	found, err := facts.Resolve(wish)
	if err != nil {
		return out, err
	}
	out.Image = image(found)
	return out, nil
}

func image(x media.WindowsImage) Image {
	return Image{
		Index: x.Index, Name: x.Name, DisplayName: x.DisplayName, EditionID: x.EditionID,
		InstallationType: x.InstallationType, Architecture: x.Architecture,
		Languages: x.Languages, DefaultLanguage: x.DefaultLanguage, Build: x.Build, ServicePackBuild: x.ServicePackBuild, Evaluation: x.Evaluation,
	}
}
