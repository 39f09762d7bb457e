package libvirt

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/handoff"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// answerDiscLabel is the volume's label, by which the guest's scripts and a
// person find the disc.
const answerDiscLabel = "WINTEMPLATE"

// answerDisc is the second CD of the machine.
type answerDisc struct {
	CD             libvirtapi.CDSpec
	ManifestSHA256 string // of wintemplate/manifest.json
}

// stepAnswerDisc makes the disc with the answer file, the bootstrap script,
// the drivers in the form that this build's Setup takes, and the payload.
type stepAnswerDisc struct {
	config *Config
	discs  discReader
}

func (s *stepAnswerDisc) Title() string { return "Making the answer disc" }

func (s *stepAnswerDisc) Run(ctx context.Context, bag multistep.StateBag) multistep.StepAction {
	return stepkit.Run(ctx, bag, s)
}

func (s *stepAnswerDisc) Cleanup(bag multistep.StateBag) { stepkit.Cleanup(bag, s) }

func (s *stepAnswerDisc) Do(ctx context.Context, bag multistep.StateBag) error {
	plan, err := thePlan.Get(bag)
	if err != nil {
		return err
	}
	cert, err := theCertificate.Get(bag)
	if err != nil {
		return err
	}
	pool, err := thePool.Get(bag)
	if err != nil {
		return err
	}
	dir, err := theTempDir.Get(bag)
	if err != nil {
		return err
	}
	drivers, closer, err := s.discs.Drivers(plan.Files.Drivers)
	if err != nil {
		return fmt.Errorf("drivers_iso_url: %w", err)
	}
	defer closer.Close()

	files, manifest, err := discFiles(plan, cert, drivers)
	if err != nil {
		return err
	}
	iso := filepath.Join(dir, "answers.iso")
	if err := media.WriteAnswerDisc(ctx, iso, answerDiscLabel, files); err != nil {
		return err
	}
	name := volumeName(s.config, plan.ID, "-answers.iso")
	v, _, err := upload(ctx, bag, s, s.config.LibvirtURI, pool.Name, name, "0600", iso)
	if err != nil {
		return err
	}
	if err := os.Remove(iso); err != nil { // it holds the password
		return err
	}
	theAnswerDisc.Put(bag, answerDisc{
		CD: libvirtapi.CDSpec{Path: v.Path, Format: "raw"}, ManifestSHA256: manifest,
	})
	return nil
}

// driverSource is what the disc takes from the drivers ISO.
type driverSource interface {
	driverDisc
	Certificates() ([]media.DiscFile, error)
}

// discFiles lists what goes on the disc, and gives the SHA-256 of its
// manifest. bootstrap.json is not in the manifest, since it carries the
// manifest's own hash.
func discFiles(plan *Plan, cert *certificate, drivers driverSource) (files []media.DiscFile, manifestSHA256 string, err error) {
	files, err = answerFiles(plan)
	if err != nil {
		return nil, "", err
	}
	files = append(files,
		media.BytesFile(answerfile.BootstrapPath, answerfile.BootstrapScript()),
		media.BytesFile(answerfile.CertificatePath, cert.PFX),
	)
	driverFiles, err := plan.driverFiles(drivers)
	if err != nil {
		return nil, "", err
	}
	files = append(files, driverFiles...)
	for _, p := range plan.Files.Payload {
		f, err := media.LocalFile(path.Join("wintemplate/payload", p.Name), p.Path)
		if err != nil {
			return nil, "", fmt.Errorf("payload: %w", err)
		}
		files = append(files, f)
	}

	manifest, err := manifestOf(files)
	if err != nil {
		return nil, "", err
	}
	data, sum := manifest.Encode()
	parameters, err := bootstrapParameters(plan, cert, manifest, sum)
	if err != nil {
		return nil, "", err
	}
	files = append(files,
		media.BytesFile(answerfile.ManifestPath, data),
		media.BytesFile(answerfile.BootstrapParametersPath, parameters),
	)
	return files, sum, nil
}

// answerFiles are the answer file, and the script of install_method "apply".
func answerFiles(plan *Plan) ([]media.DiscFile, error) {
	autounattend := plan.OwnAnswerFile
	if autounattend == nil {
		var err error
		if autounattend, err = answerfile.Autounattend(plan.Answers); err != nil {
			return nil, err
		}
	}
	files := []media.DiscFile{media.BytesFile(answerfile.AutounattendPath, autounattend)}
	if plan.Answers.InstallMethod != answerfile.MethodApply {
		return files, nil
	}
	script, err := answerfile.ApplyFiles(plan.Answers, plan.ID.Build)
	if err != nil {
		return nil, err
	}
	for _, f := range script {
		files = append(files, media.BytesFile(f.Path, f.Data))
	}
	return files, nil
}

// Where the disc holds what the first logon installs.
const (
	toolsFolder = "wintemplate/tools"
	certsFolder = "wintemplate/certs"
)

// driverFiles are the drivers for Setup, each once, and the installers for the
// first logon.
func (p *Plan) driverFiles(disc driverSource) ([]media.DiscFile, error) {
	var out []media.DiscFile
	for _, name := range setupDrivers {
		folder, err := disc.Folder(name, p.Driver.Dirs, p.Driver.Arch)
		if err != nil {
			return nil, fmt.Errorf("drivers_iso_url: %w", err)
		}
		for _, f := range folder.Files {
			f.Path = p.driverPath(name, f.Path)
			out = append(out, f)
		}
	}
	for _, name := range []string{guestToolsMSI, guestAgentMSI} {
		f, err := disc.File(name)
		if err != nil {
			return nil, fmt.Errorf("drivers_iso_url: %w", err)
		}
		f.Path = path.Join(toolsFolder, path.Base(name))
		out = append(out, f)
	}
	certs, err := disc.Certificates()
	if err != nil {
		return nil, fmt.Errorf("drivers_iso_url: %w", err)
	}
	for _, f := range certs {
		f.Path = path.Join(certsFolder, path.Base(f.Path))
		out = append(out, f)
	}
	return out, nil
}

func manifestOf(files []media.DiscFile) (handoff.DiscManifest, error) {
	var m handoff.DiscManifest
	for _, f := range files {
		r, err := f.Open()
		if err != nil {
			return m, err
		}
		err = m.Add(f.Path, r)
		_ = r.Close() // it was only read
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

// bootstrapParameters are what the first logon does: guest tools and agent
// before WinRM opens, because the tools' installer drops the network card.
func bootstrapParameters(plan *Plan, cert *certificate, manifest handoff.DiscManifest, manifestSHA256 string) ([]byte, error) {
	params, err := answerfile.NewBootstrapParameters(plan.Answers, plan.ID.Build)
	if err != nil {
		return nil, err
	}
	file := func(name string) answerfile.DiscFile {
		f, _ := manifest.Lookup(name)
		return answerfile.DiscFile{Path: f.Path, SHA256: f.SHA256}
	}
	params.ManifestSHA256 = manifestSHA256
	params.Certificate = answerfile.BootstrapCertificate{
		Path: answerfile.CertificatePath, Password: cert.Password, SHA256: cert.Hex(),
	}
	params.Installers = []answerfile.Installer{
		{
			Stage:    answerfile.StageDrivers,
			DiscFile: file(path.Join(toolsFolder, path.Base(guestToolsMSI))),
			Services: driverServices(plan.DiskBus),
		},
		{
			Stage:    answerfile.StageAgent,
			DiscFile: file(path.Join(toolsFolder, path.Base(guestAgentMSI))),
			Services: []string{"QEMU-GA"},
		},
	}
	for _, f := range manifest.Files {
		if path.Dir(f.Path) == certsFolder {
			params.TrustedPublishers = append(params.TrustedPublishers, answerfile.DiscFile{Path: f.Path, SHA256: f.SHA256})
		}
	}
	data, err := params.Encode()
	if err != nil {
		return nil, fmt.Errorf("parameters of the bootstrap: %w", err)
	}
	return data, nil
}

// driverServices must exist once the guest tools are installed. A driver has a
// service only when its device is there: on a virtio-scsi build the virtio-blk
// disk is plugged in while the tools are being installed, so that one is left
// to the provisioner's drivers block.
func driverServices(bus libvirtapi.Bus) []string {
	if bus == libvirtapi.VirtioSCSI {
		return []string{"vioscsi", "netkvm"}
	}
	return []string{"viostor", "vioscsi", "netkvm"}
}
