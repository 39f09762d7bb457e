package libvirt

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/hashicorp/packer-plugin-sdk/multistep"
	"github.com/hashicorp/packer-plugin-sdk/multistep/commonsteps"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// downloads are the steps for everything that is remote or has a checksum to be
// verified. A local file without one is used as it is.
func downloads(c *Config) []multistep.Step {
	var steps []multistep.Step
	add := func(source, checksum string, inner *commonsteps.StepDownload) {
		if _, inURL := sourceChecksum(inner.Url[0]); inURL {
			checksum = source
		}
		urls := make([]string, 0, len(inner.Url))
		for _, u := range inner.Url {
			urls = append(urls, escaped(u))
		}
		inner.Url = urls
		steps = append(steps, &stepDownload{source: source, checksum: checksum, inner: inner})
	}
	if len(c.ISOUrls) > 1 || isRemote(c.ISOUrls[0]) || c.ISOChecksum != "none" {
		add("iso_url", "iso_checksum", &commonsteps.StepDownload{
			Description: "the Windows ISO", ResultKey: isoKey.Name(), Url: c.ISOUrls,
			Checksum: c.ISOChecksum, TargetPath: c.TargetPath, Extension: c.TargetExtension,
		})
	}
	_, driversSum := sourceChecksum(c.DriversISOURL)
	if isRemote(c.DriversISOURL) || driversSum || c.DriversISOChecksum != "" && c.DriversISOChecksum != "none" {
		add("drivers_iso_url", "drivers_iso_checksum", &commonsteps.StepDownload{
			Description: "the drivers ISO", ResultKey: driversKey.Name(), Url: []string{c.DriversISOURL},
			Checksum: c.DriversISOChecksum, Extension: "iso",
		})
	}
	for i, source := range c.Payload {
		if isRemote(source) || localPath(source) != source {
			add("payload", "payload", &commonsteps.StepDownload{
				Description: payloadName(source), ResultKey: payloadKey(i).Name(), Url: []string{source},
			})
		}
	}
	return steps
}

// escaped gives a local path with spaces, or with letters beyond ASCII, as a
// file URL: the SDK's download step escapes a bare path and then looks for the
// file under its escaped name.
func escaped(source string) string {
	path := localPath(source)
	if isRemote(source) || strings.HasPrefix(strings.ToLower(source), "file:") || (&url.URL{Path: path}).EscapedPath() == path {
		return source
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return source
	}
	_, query, _ := strings.Cut(source[len(path):], "?")
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: query}).String()
}

// Where the download steps leave their files.
var (
	isoKey     = stepkit.NewKey[string]("iso_path", "StepDownload")
	driversKey = stepkit.NewKey[string]("wintemplate.drivers_path", "StepDownload")
)

func payloadKey(i int) stepkit.Key[string] {
	return stepkit.NewKey[string](fmt.Sprintf("wintemplate.payload_path.%d", i), "StepDownload")
}

// theDraft is the plan made before downloading, when all media are local.
var theDraft = stepkit.NewKey[*Plan]("wintemplate.draft", "stepOpenMedia")

// stepPlan makes the plan that the build follows, now that all media are here
// and verified.
type stepPlan struct {
	config *Config
	discs  discReader
	space  func(path string) (uint64, error)
}

func (s *stepPlan) Title() string { return "" }

func (s *stepPlan) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepPlan) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepPlan) Do(ctx context.Context, bag multistep.StateBag) error {
	in, err := theInputs.Get(bag)
	if err != nil {
		return err
	}
	ui, err := stepkit.UI.Get(bag)
	if err != nil {
		return err
	}
	from, err := s.files(bag)
	if err != nil {
		return err
	}
	plan, iso, err := resolve(s.config, in, from, s.discs)
	if err != nil {
		return err
	}
	// What was read in the first second, and whose checksum was verified since,
	// must be what is installed from.
	if before, read := theISO.Lookup(bag); read && sameFile(before.Path, iso.Path) {
		if err := before.Same(iso); err != nil {
			return fmt.Errorf("iso_url: %w", err)
		}
	}
	theISO.Put(bag, iso)
	if _, checked := theDraft.Lookup(bag); !checked {
		pool, err := thePool.Get(bag)
		if err != nil {
			return err
		}
		facts, err := theHostFacts.Get(bag)
		if err != nil {
			return err
		}
		caps, err := theCaps.Get(bag)
		if err != nil {
			return err
		}
		problems := append(checkSpace(s.config, plan, pool, facts, s.space), plan.Security.offered(caps)...)
		if err := errors.Join(problems...); err != nil {
			return err
		}
	}
	thePlan.Put(bag, plan)
	ui.Say(fmt.Sprintf("Installing %s: %s (image %d, build %d, %s), %s, %s%s",
		plan.Product.Name, plan.Image.EditionID, plan.Image.Index, plan.Image.Build, plan.Language, plan.Firmware, plan.DiskBus, plan.Security))
	for _, w := range plan.Warnings {
		ui.Say("Warning: " + w)
	}
	return nil
}

// sameFile tells whether two paths lead to the same place: the download step
// links to a local file.
func sameFile(a, b string) bool {
	x, errX := filepath.EvalSymlinks(a)
	y, errY := filepath.EvalSymlinks(b)
	return errors.Join(errX, errY) == nil && x == y
}

// files are the inputs: downloaded where they were, local otherwise.
func (s *stepPlan) files(bag multistep.StateBag) (files, error) {
	var out files
	var problems []error
	pick := func(field string, key stepkit.Key[string], source string) string {
		path, ok := key.Lookup(bag)
		if !ok {
			path = localPath(source)
		}
		real, err := realFile(path)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", field, err))
		}
		return real
	}
	out.ISO = pick("iso_url", isoKey, s.config.ISOUrls[0])
	out.Drivers = pick("drivers_iso_url", driversKey, s.config.DriversISOURL)
	for i, source := range s.config.Payload {
		out.Payload = append(out.Payload, payloadFile{
			Name: payloadName(source), Path: pick("payload", payloadKey(i), source),
		})
	}
	return out, errors.Join(problems...)
}
