# Windows 11 becomes a template for virtual desktops, with Remote Desktop open and
# an account that stays.
#
#   packer build -var iso_url=Win11_24H2_English_x64.iso \
#                -var drivers_iso_url=virtio-win.iso \
#                -var cloudbase_init=CloudbaseInitSetup_x64.msi \
#                -var user_password=… .

packer {
  required_plugins {
    wintemplate = {
      source  = "github.com/wintemplate/wintemplate"
      version = ">= 0.1.0"
    }
  }
}

variable "iso_url" {
  description = "The Windows installation ISO: a path or a URL."
  type        = string
}

variable "iso_checksum" {
  description = "The ISO's checksum, such as sha256:…; \"none\" trusts the file as it is."
  type        = string
  default     = "none"
}

variable "edition" {
  description = "The edition by its id; the build's first second tells what the ISO holds."
  type        = string
  default     = "Professional"
}

variable "drivers_iso_url" {
  description = "The virtio-win ISO: a path or a URL."
  type        = string
}

variable "cloudbase_init" {
  description = "CloudbaseInitSetup_x64.msi: a path or a URL."
  type        = string
}

variable "output_directory" {
  type    = string
  default = "output-windows-11"
}

variable "user_password" {
  description = "The password of the account that stays in the template; Windows' complexity rule must accept it."
  type        = string
  sensitive   = true
}

variable "language" {
  description = "The language to install; the ISO's own by default."
  type        = string
  default     = null
}

variable "lab_config" {
  description = "For a host without swtpm or without Secure Boot firmware: install without them."
  type        = bool
  default     = false
}

variable "proxy" {
  description = "The proxy, as host:port; none by default."
  type        = string
  default     = ""
}

source "wintemplate-libvirt" "windows11" {
  iso_url         = var.iso_url
  iso_checksum    = var.iso_checksum
  edition         = var.edition
  language        = var.language
  drivers_iso_url = var.drivers_iso_url
  payload         = [var.cloudbase_init]

  # Setup of Windows 11 demands a TPM 2.0 and Secure Boot. The machine has both
  # by itself (vtpm, secure_boot), where libvirt's host offers them.
  lab_config = var.lab_config

  disk_size = "64G"
  cpus      = 2
  memory    = 4096
  display   = "1920x1080"

  local_account {
    name         = "user"
    password     = var.user_password
    display_name = "Desktop user"
  }

  remote_desktop {
    nla = true
  }

  dynamic "proxy" {
    for_each = var.proxy == "" ? [] : [var.proxy]
    content {
      server = proxy.value
      bypass = ["localhost", "*.example.com"]
    }
  }

  output_directory = var.output_directory
}

build {
  sources = ["source.wintemplate-libvirt.windows11"]

  provisioner "wintemplate-guest" {
    drivers {}
    cloudbase_init {
      cloud = "cloudstack"
    }
  }

  # Your own provisioners stand here: updates, software, hardening.

  provisioner "wintemplate-guest" {
    sysprep {}
  }
}
