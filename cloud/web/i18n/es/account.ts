// Texts of signing in and of the own account, in Spanish.

import { plural } from '../plural.ts'

/** Texts of `account`. */
export const account = {
  title: 'Mi cuenta',
  profile: 'Perfil',
  name: 'Nombre',
  email: 'Correo',
  roles: 'Roles',
  allClients: 'todos los clientes',
  role: {
    administrator: 'Administrador',
    operator: 'Operador',
    client_manager: 'Encargado de cliente',
    client_reader: 'Lector de cliente',
    regulator_reader: 'Lector del regulador',
  },
  appearance: 'Apariencia e idioma',
  password: 'Cambiar la contraseña',
  currentPassword: 'Contraseña actual',
  newPassword: 'Contraseña nueva',
  repeat: 'Repita la nueva',
  passwordHint: 'Al menos 15 caracteres. Las demás sesiones se cierran.',
  change: 'Cambiar contraseña',
  changed: 'Contraseña cambiada. Las demás sesiones se cerraron.',
  mismatch: 'Las dos contraseñas nuevas no son iguales.',
  tooMany: 'Demasiados intentos. Espere unos minutos.',
  wrongCurrent: 'La contraseña actual no es correcta.',
  sessions: 'Sesiones abiertas',
  thisOne: 'Esta sesión',
  begun: 'Desde',
  from: 'Dirección',
  browser: 'Navegador',
  end: 'Cerrar',
  ended: 'Sesión cerrada',
}

/** Texts of `signIn`. */
export const signIn = {
  title: 'Ingresar',
  lead: 'Caudales, niveles y declaraciones a la DGA, con la prueba de cada dato.',
  email: 'Correo electrónico',
  password: 'Contraseña',
  show: 'Mostrar la contraseña',
  submit: 'Ingresar',
  busy: 'Ingresando…',
  wrong: 'El correo o la contraseña no son correctos.',
  locked: (minutes: number) =>
    `Demasiados intentos. Vuelva a probar en ${plural(minutes, 'minuto', 'minutos')}.`,
  expired: 'Su sesión terminó. Ingrese otra vez.',
}
