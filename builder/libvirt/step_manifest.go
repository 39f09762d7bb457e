package libvirt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
	"github.com/wintemplate/packer-plugin-wintemplate/version"
)

// stepManifest writes the manifest beside the disk and makes the artifact.
type stepManifest struct{ config *Config }

func (s *stepManifest) Title() string { return "" }

func (s *stepManifest) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepManifest) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepManifest) Do(_ context.Context, bag multistep.StateBag) error {
	plan, planErr := thePlan.Get(bag)
	out, outErr := theResult.Get(bag)
	report, reportErr := theReport.Get(bag)
	if err := errors.Join(planErr, outErr, reportErr); err != nil {
		return err
	}
	manifest := handoff.Manifest{
		Version: handoff.ManifestVersion,
		Plugin:  version.Plugin.FormattedVersion(),
		Disk: handoff.Disk{
			Path: out.Path, Format: "qcow2", Size: out.Size, VirtualSize: report.Facts.VirtualSize,
			SHA256: out.SHA256, Firmware: string(plan.Firmware), Bus: string(plan.DiskBus),
			TPM: plan.Security.TPM, SecureBoot: plan.Security.SecureBoot,
		},
		Source: handoff.Source{
			ISO: s.config.ISOUrls[0], ISOChecksum: s.config.ISOChecksum,
			ImageIndex: plan.Image.Index, ImageName: plan.Image.Name,
			DriversISO: s.config.DriversISOURL, DriversISOVersion: plan.Driver.Version,
		},
		Guest: handoff.Image{
			Product: plan.Product.Name, Edition: orElse(report.Facts.EditionID, plan.Image.EditionID),
			Build: plan.Image.Build, Language: plan.Language, Architecture: plan.Image.Architecture,
			DriverVersion: report.Facts.Drivers, AgentVersion: report.Facts.AgentVersion, CloudbaseInit: report.Facts.CloudbaseInit,
			ImageState: report.Facts.ImageState,
		},
		Findings: report.Findings,
	}
	data, err := manifest.Encode()
	if err != nil {
		return err
	}
	// Nothing secret goes in; a URL with a password in it is masked all the same.
	text := redact.String(string(data))
	path := filepath.Join(out.Dir, s.config.VMName+".json")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("output_directory: %w", err)
	}
	if err := os.Remove(filepath.Join(out.Dir, buildMark)); err != nil {
		return fmt.Errorf("output_directory: %w", err)
	}
	generated, _ := bag.Get("generated_data").(map[string]any)
	theArtifact.Put(bag, &Artifact{
		dir: out.Dir, files: []string{out.Path, path}, manifest: text,
		id: out.SHA256, summary: summary(manifest), keep: s.config.KeepArtifact, generated: generated,
	})
	return nil
}

func summary(m handoff.Manifest) string {
	return fmt.Sprintf("%s %s (build %d, %s), %s, sealed and checked: %s (%s)",
		m.Guest.Product, m.Guest.Edition, m.Guest.Build, m.Guest.Language, m.Disk.Firmware, m.Disk.Path, gib(m.Disk.Size))
}
