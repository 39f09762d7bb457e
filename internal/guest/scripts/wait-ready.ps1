Stop-Operation -Code 'not-yet' -Message 'wait-ready is not there yet'
