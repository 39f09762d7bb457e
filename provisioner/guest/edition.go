package guest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// Edition makes an evaluation a full edition. Windows restarts several times.
type Edition struct {
	// The edition to become, by its id: `ServerStandard`, `ServerDatacenter`.
	// On Server Core too: DISM is then given the name that it has for it there,
	// `ServerStandardCor`, which you may also write. A client's evaluation cannot be converted, and one of Datacenter becomes
	// Datacenter only.
	Target string `mapstructure:"target" required:"true"`
	// The product key of that edition. Default: Microsoft's public KMS client
	// key for it. DISM takes it on its command line only: in DISM's log it is
	// overwritten, but a policy that audits command lines puts it into the
	// Security log, which only sysprep deletes. A key that is not public is
	// better given to `activation`, which uses no command line.
	ProductKey string `mapstructure:"product_key"`
}

func (*Edition) name() string  { return "edition" }
func (*Edition) title() string { return "Converting the edition" }

func (e *Edition) prepare() []error {
	var errs []error
	if e.Target == "" {
		errs = append(errs, errors.New("target: required, an edition id such as ServerStandard"))
	}
	return append(errs, prepareKey(&e.ProductKey)...)
}

func (e *Edition) run(ctx context.Context, r *run) error {
	key := e.ProductKey
	if key == "" {
		product, err := windows.ProductOf(r.facts.Build, r.facts.InstallationType)
		if err != nil {
			return err
		}
		var ok bool
		if key, ok = windows.KMSClientKey(product, e.Target); !ok {
			return fmt.Errorf("no KMS client key of %s %s is known; give product_key", product.Name, e.Target)
		}
	}
	result, reboot, err := guest.EditionConvert.Detached(ctx, r.session, guest.EditionConvertParameters{
		Target: e.Target, ProductKey: key, TimeoutSeconds: int(time.Hour.Seconds()),
	}, guest.Detachment{})
	if err != nil {
		return err
	}
	if !bool(reboot) {
		r.ui.Say("It is " + e.Target + " already")
		return nil
	}
	if err := r.restart(ctx, "the edition was changed from "+result.From); err != nil {
		return err
	}
	if r.facts, _, err = guest.Facts.Do(ctx, r.session, guest.None{}); err != nil {
		return err
	}
	if !windows.SameEdition(r.facts.Edition, e.Target) {
		return fmt.Errorf("dism.exe ended well, and after the restart the edition is still %s", r.facts.Edition)
	}
	r.ui.Say(result.From + " has become " + r.facts.Edition)
	return nil
}
