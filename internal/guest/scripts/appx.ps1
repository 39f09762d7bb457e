# Gives the names that could not be removed. Runs as the build's administrator: LocalSystem is refused.
function Remove-Package([string[]]$FullName) {
    # Server 2016's Remove-AppxPackage has no -AllUsers.
    $all = @{}
    if ((Get-Command -Name 'Remove-AppxPackage').Parameters.ContainsKey('AllUsers')) { $all.AllUsers = $true }
    foreach ($name in $FullName) {
        try { Remove-AppxPackage -Package $name @all } catch { $name }
    }
}
