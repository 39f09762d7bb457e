package guest

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/template/config"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

// Cleanup makes the image small. It stands after updates and removed features:
// a cleaned component store can no longer take some features away.
type Cleanup struct {
	// Throw superseded components away. Default: `true`; takes half an hour.
	ComponentStore config.Trilean `mapstructure:"component_store"`
	// Make all installed updates permanent, which saves more. Default:
	// `false`; Server 2016 has had trouble with it.
	ResetBase bool `mapstructure:"reset_base"`
	// Delete temporary files, downloaded updates and old reports. Default:
	// `true`.
	Temp config.Trilean `mapstructure:"temp"`
	// Clear the event logs. Default: `true`.
	EventLogs config.Trilean `mapstructure:"event_logs"`
	// Take the page file out of the image, with a restart; an instance makes
	// its own. Default: `false`.
	PageFile bool `mapstructure:"page_file"`
	// Tell the host which blocks are free. Default: `true`.
	Trim config.Trilean `mapstructure:"trim"`
	// How long the component store may take, `90m` at most. Default: `90m`.
	Timeout time.Duration `mapstructure:"timeout"`
}

func (*Cleanup) name() string  { return "cleanup" }
func (*Cleanup) title() string { return "Cleaning up" }

func (c *Cleanup) prepare() []error {
	if c.Timeout == 0 {
		c.Timeout = 90 * time.Minute
	}
	// The rest of the clean-up, the trim above all, has its time too.
	if most := guest.Cleanup.Deadline - 30*time.Minute; c.Timeout < time.Minute || c.Timeout > most {
		return []error{fmt.Errorf("timeout: %s is not between 1m and %s", c.Timeout, most)}
	}
	return nil
}

func (c *Cleanup) run(ctx context.Context, r *run) error {
	result, reboot, err := guest.Cleanup.Detached(ctx, r.session, guest.CleanupParameters{
		ComponentStore: !c.ComponentStore.False(), ResetBase: c.ResetBase, Temp: !c.Temp.False(), EventLogs: !c.EventLogs.False(),
		Hibernation: true, PageFile: c.PageFile, Trim: !c.Trim.False(), TimeoutSeconds: int(c.Timeout.Seconds()),
	}, guest.Detachment{})
	if err != nil {
		return err
	}
	for _, s := range result.Steps {
		if s.Code != 0 {
			r.ui.Error(fmt.Sprintf("Warning: cleanup: %s ended with %d %s", s.Name, s.Code, s.Error))
		}
	}
	r.ui.Say(fmt.Sprintf("%d MB were freed", result.FreedBytes>>20))
	if reboot {
		return r.restart(ctx, "the page file is taken away")
	}
	return nil
}
