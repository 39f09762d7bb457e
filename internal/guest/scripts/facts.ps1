$version = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
$boot = Get-Boot
$identity = Get-ProcessIdentity
$firmware = switch ([int](Get-RegistryValue -Key 'HKLM:\SYSTEM\CurrentControlSet\Control' -Name 'PEFirmwareType' -Default 0)) {
    1 { 'bios' }
    2 { 'uefi' }
    default { 'unknown' }
}
$languages = @(Get-ChildItem -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Control\MUI\UILanguages' -ErrorAction SilentlyContinue |
    ForEach-Object { "$($_.PSChildName)" } | Where-Object { $_ -match '^[A-Za-z]{2,3}(-[A-Za-z0-9]+)+$' })
# A comma, since PowerShell would make nothing of an empty list.
$paging = $null
$memory = Get-Item -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management' -ErrorAction SilentlyContinue
if ($null -ne $memory -and @($memory.Property) -contains 'PagingFiles') { $paging = @($memory.GetValue('PagingFiles', @())) }
Complete-Operation -Result @{
    build             = [int](Get-RegistryValue -Key $version -Name 'CurrentBuildNumber' -Default 0)
    revision          = [int](Get-RegistryValue -Key $version -Name 'UBR' -Default 0)
    product_name      = [string](Get-RegistryValue -Key $version -Name 'ProductName' -Default '')
    edition           = [string](Get-RegistryValue -Key $version -Name 'EditionID' -Default '')
    installation_type = [string](Get-RegistryValue -Key $version -Name 'InstallationType' -Default '')
    architecture      = "$env:PROCESSOR_ARCHITECTURE"
    computer_name     = "$env:COMPUTERNAME"
    ui_languages      = $languages
    install_language  = [string](Get-RegistryValue -Key 'HKLM:\SYSTEM\CurrentControlSet\Control\Nls\Language' -Name 'InstallLanguage' -Default '')
    time_zone         = [string](Get-RegistryValue -Key 'HKLM:\SYSTEM\CurrentControlSet\Control\TimeZoneInformation' -Name 'TimeZoneKeyName' -Default '')
    firmware          = $firmware
    image_state       = Get-ImageState
    page_file_removed = ($null -ne $paging -and @($paging | Where-Object { "$_" -ne '' }).Count -eq 0)
    pending_reboot    = @(Get-PendingReboot)
    boot_id           = $boot.Id
    uptime_seconds    = $boot.UptimeSeconds
    powershell        = "$($PSVersionTable.PSVersion)"
    is_64bit          = [bool]$identity.Is64Bit
    elevated          = [bool]$identity.Elevated
    system            = [bool]$identity.System
}
