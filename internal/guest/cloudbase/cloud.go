package cloudbase

import "slices"

// The clouds that have a configuration of their own. Custom is the user's.
const (
	CloudStack  = "cloudstack" // Apache CloudStack, ABLESTACK Mold
	OpenStack   = "openstack"  // and NHN Cloud
	ConfigDrive = "configdrive"
	NoCloud     = "nocloud"
	EC2         = "ec2"
	Custom      = "custom"
)

// Clouds lists them for messages.
func Clouds() []string {
	return []string{CloudStack, OpenStack, ConfigDrive, NoCloud, EC2, Custom}
}

const (
	services = "cloudbaseinit.metadata.services."
	plugins  = "cloudbaseinit.plugins."
)

// traits are what differs between clouds.
type traits struct {
	// services are only those that the cloud has: each further one that
	// speaks HTTP costs its retries at every boot, and a ConfigDriveService
	// before CloudStack reads CloudStack's drive as OpenStack's.
	services []string
	// createUser makes the account when it is not there. On an account that
	// is there it sets a random password that nobody learns; only where
	// SetUserPassword always sets one after it is that harmless. On
	// CloudStack it locks everybody out of a template without passwordenabled.
	createUser bool
	// network is true when the metadata comes over it: then the service is
	// started once DHCP has answered, since CloudStack's looks for its server
	// among the DHCP servers once, and never again until the next restart.
	network bool
	// utc is what the hypervisor gives as hardware clock. A value that
	// differs from Windows' makes the NTP plugin change it and restart.
	utc bool
}

var clouds = map[string]traits{
	CloudStack:  {services: []string{services + "cloudstack.CloudStack"}, network: true},
	OpenStack:   {services: []string{services + "httpservice.HttpService", services + "configdrive.ConfigDriveService"}, createUser: true, network: true, utc: true},
	ConfigDrive: {services: []string{services + "configdrive.ConfigDriveService"}, createUser: true, utc: true},
	NoCloud:     {services: []string{services + "nocloudservice.NoCloudConfigDriveService"}, createUser: true},
	EC2:         {services: []string{services + "ec2service.EC2Service"}, createUser: true, network: true, utc: true},
}

// pluginList is in cloudbase-init's own order: the name before anything that
// uses it, the account before its keys and password, the user's scripts last.
func pluginList(s Settings, t traits) []string {
	list := []string{
		plugins + "common.mtu.MTUPlugin",
		plugins + "windows.ntpclient.NTPClientPlugin",
		plugins + "common.sethostname.SetHostNamePlugin",
	}
	if t.createUser {
		list = append(list, plugins+"windows.createuser.CreateUserPlugin")
	}
	list = append(list, plugins+"common.networkconfig.NetworkConfigPlugin")
	if s.KMSHost != "" || s.Activate {
		list = append(list, plugins+"windows.licensing.WindowsLicensingPlugin")
	}
	// Without CreateUser an account that never logged on has no profile, and
	// the SSH keys' plugin fails at every boot. The built-in Administrator of
	// a server has logged on in the build.
	if t.createUser || !s.Client {
		list = append(list, plugins+"common.sshpublickeys.SetUserSSHPublicKeysPlugin")
	}
	list = append(list,
		plugins+"windows.extendvolumes.ExtendVolumesPlugin",
		plugins+"common.userdata.UserDataPlugin",
		plugins+"common.setuserpassword.SetUserPasswordPlugin",
		plugins+"common.localscripts.LocalScriptsPlugin",
	)
	for _, p := range s.Plugins {
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// unattendPlugins run in the specialize pass, which restarts afterwards anyway.
var unattendPlugins = []string{
	plugins + "common.mtu.MTUPlugin",
	plugins + "common.sethostname.SetHostNamePlugin",
	plugins + "windows.extendvolumes.ExtendVolumesPlugin",
}
