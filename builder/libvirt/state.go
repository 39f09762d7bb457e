package libvirt

import (
	"fmt"

	"github.com/hashicorp/packer-plugin-sdk/multistep"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/stepkit"
)

// What the steps hand to each other.
var (
	theInputs      = stepkit.NewKey[*inputs]("wintemplate.inputs", "the builder's Run")
	theHost        = stepkit.NewKey[any]("wintemplate.libvirt", "stepConnectHost")
	theHostFacts   = stepkit.NewKey[libvirtapi.Host]("wintemplate.host", "stepConnectHost")
	thePool        = stepkit.NewKey[libvirtapi.Pool]("wintemplate.pool", "stepPreflight")
	theCaps        = stepkit.NewKey[libvirtapi.DomainCaps]("wintemplate.caps", "stepChooseAccelerator")
	thePlan        = stepkit.NewKey[*Plan]("wintemplate.plan", "stepPlan")
	theTempDir     = stepkit.NewKey[string]("wintemplate.tempdir", "stepTempDir")
	theCertificate = stepkit.NewKey[*certificate]("wintemplate.certificate", "stepCertificate")
	theISO         = stepkit.NewKey[media.Identity]("wintemplate.iso", "stepPlan")
	theISOOwner    = stepkit.NewKey[ownership]("wintemplate.iso.owner", "stepInstallDisc")
	theInstallDisc = stepkit.NewKey[libvirtapi.CDSpec]("wintemplate.disc.install", "stepInstallDisc")
	theAnswerDisc  = stepkit.NewKey[answerDisc]("wintemplate.disc.answers", "stepAnswerDisc")
	theMainDisk    = stepkit.NewKey[libvirtapi.Volume]("wintemplate.disk", "stepMainDisk")
	theDomain      = stepkit.NewKey[libvirtapi.Domain]("wintemplate.domain", "stepDefine")
	theGuestLog    = stepkit.NewKey[*guestLog]("wintemplate.guestlog", "stepBoot")
	theAddress     = stepkit.NewKey[string]("wintemplate.address", "stepInstall")
	theResult      = stepkit.NewKey[result]("wintemplate.result", "stepTakeOut")
	theReport      = stepkit.NewKey[*diskcheck.Report]("wintemplate.report", "stepCheckDisk")
	theArtifact    = stepkit.NewKey[*Artifact]("wintemplate.artifact", "stepManifest")
)

// hostAs gives the libvirt connection as the narrow interface that a step
// needs; a test puts its own few methods in its place.
func hostAs[T any](bag multistep.StateBag) (T, error) {
	var none T
	host, err := theHost.Get(bag)
	if err != nil {
		return none, err
	}
	narrow, ok := host.(T)
	if !ok {
		return none, fmt.Errorf("the libvirt connection is a %T, which lacks methods that this step needs", host)
	}
	return narrow, nil
}

// inputs are the build's own: who it is and its secrets. They are registered
// with internal/redact before anything else happens.
type inputs struct {
	ID       identity
	Password string
}
