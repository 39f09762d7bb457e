Stop-Operation -Code 'not-yet' -Message 'preflight is not there yet'
