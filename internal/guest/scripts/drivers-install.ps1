Stop-Operation -Code 'not-yet' -Message 'drivers-install is not there yet'
