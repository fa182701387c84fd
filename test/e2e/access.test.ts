// People who are let in, in a browser: an invitation, a second factor, a passkey, an issuer's word, a key of one's own; and the
// administrator who looks after them.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { openMailer } from '../../cloud/alerts/mail.ts'
import { buildWeb } from '../../deploy/web.ts'
import { fill } from '../cloud/api/content.ts'
import { type ApiScene, makeUser, openApiScene } from '../cloud/api/scene.ts'
import { type MailServer, openMailServer } from '../doubles/mail-server.ts'
import { freePort } from '../doubles/ports.ts'
import { codeOfSecret } from '../doubles/totp.ts'
import { skipWithout } from '../peers.ts'
import { type Person, withBrowser } from './browser.ts'

const ADMINISTRATOR = 'jefa@example.cl'
const EVA = 'eva@example.cl'
const PASSWORD = 'una-frase-bien-larga'

describe('the application, for who is let in', { skip: skipWithout('chromium') }, () => {
  let folder: string
  let api: ApiScene
  let mail: MailServer
  let url: string
  let password: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'smarthydro-web-'))
    await buildWeb({ out: folder })
    mail = await openMailServer()
    const port = await freePort()
    url = `http://localhost:${port}`
    const mailer = openMailer({ url: mail.url, from: 'avisos@example.cl' })
    api = await openApiScene({ webFolder: folder, publicUrl: url, port, mailer })
    await fill(api)
    password = await makeUser(api.db, ADMINISTRATOR, 'administrator')
  })
  after(async () => {
    await api.close()
    await mail.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const person = (screen: 'desk' | 'phone', work: (person: Person) => Promise<void>) =>
    withBrowser(screen, { url, email: '', password: '' }, work)
  const signIn = async ({ page, open }: Person, email: string, typed: string) => {
    await open('/sign-in')
    await page.getByLabel('Correo electrónico').fill(email)
    await page.getByLabel('Contraseña', { exact: true }).fill(typed)
    await page.getByRole('button', { name: 'Ingresar', exact: true }).click()
  }
  const overview = ({ page }: Person) => page.getByRole('heading', { level: 1, name: 'Resumen' }).waitFor()

  test('lets an administrator invite somebody, who chooses a password and sets up what they sign in with', async () => {
    let link = ''
    await person('desk', async who => {
      const { page, open, look } = who
      await signIn(who, ADMINISTRATOR, password)
      await overview(who)
      await open('/admin/users')
      await page.getByRole('heading', { level: 1, name: 'Usuarios' }).waitFor()
      await look('admin-users')
      await page.getByRole('button', { name: 'Invitar' }).click()
      await page.getByLabel('Nombre').fill('Eva Rojas')
      await page.getByLabel('Correo').fill(EVA)
      await look('admin-invite')
      await page.getByLabel('Cliente').selectOption('campo')
      await page.getByRole('dialog').getByRole('button', { name: 'Invitar' }).click()
      await page.getByRole('heading', { name: 'Enlace listo' }).waitFor()
      link = (await page.locator('.once-secret').textContent()) ?? ''
      await look('admin-link')
    })
    assert.equal(mail.taken.length, 1)
    assert.match(link, /\/invitation#[\w-]{43}$/)

    await person('phone', async who => {
      const { page, open, look } = who
      await open(link)
      await page.getByText(EVA).waitFor()
      await look('invitation')
      await page.getByLabel('Contraseña').fill(PASSWORD)
      await page.getByLabel('Repítala').fill(PASSWORD)
      await page.getByRole('button', { name: 'Guardar y entrar' }).click()
      await overview(who)
      await open(link)
      await page.getByRole('heading', { name: 'Este enlace ya no sirve' }).waitFor()
      who.complaints.length = 0
      await look('invitation-over')
    })
    await person('desk', setUpAndUse)
  })

  const setUpAndUse = async (who: Person) => {
    const { page, open, look, complaints } = who
    const cdp = await page.context().newCDPSession(page)
    await cdp.send('WebAuthn.enable')
    await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        ...{ protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true },
        ...{ isUserVerified: true, automaticPresenceSimulation: true },
      },
    })
    await signIn(who, EVA, PASSWORD)
    await overview(who)
    await open('/account')
    await look('account')
    const [secret, codes] = await setUpFactor(who)

    await page.getByRole('button', { name: 'Agregar una llave' }).click()
    await page.getByLabel('Nombre de la llave').fill('Portátil')
    await page.getByRole('dialog').getByRole('button', { name: 'Agregar una llave' }).click()
    await page.getByText('Portátil').waitFor()
    await look('account-protected')

    await page.getByRole('button', { name: 'Cerrar sesión' }).click()
    await page.waitForURL('**/sign-in')
    await signIn(who, EVA, PASSWORD)
    await page.getByRole('heading', { name: 'Segundo factor' }).waitFor()
    await look('second-factor')
    await page.getByLabel('Código').fill(codeOfSecret(secret, Date.now() + 10 * 60_000))
    await page.getByRole('button', { name: 'Confirmar' }).click()
    await page.getByRole('alert').waitFor()
    complaints.length = 0
    await page.getByRole('button', { name: 'Usar un código de recuperación' }).click()
    await page.getByLabel('Código de recuperación').fill(codes[0] ?? '')
    await page.getByRole('button', { name: 'Confirmar' }).click()
    await overview(who)

    await page.getByRole('button', { name: 'Cerrar sesión' }).click()
    await page.waitForURL('**/sign-in')
    await look('sign-in-ways')
    await page.getByRole('button', { name: 'Ingresar con llave de acceso' }).click()
    await overview(who)
    await open('/account')
    await page.getByText(/^usada /).waitFor()
    await makeOwnKey(who)
    assert.deepEqual(complaints, [])
  }

  const setUpFactor = async ({ page, look }: Person): Promise<[string, string[]]> => {
    const panel = page.getByRole('region', { name: 'Segundo factor' })
    await panel.getByRole('button', { name: 'Activar' }).click()
    await page.getByLabel('Confirme su contraseña').fill(PASSWORD)
    await page.getByRole('button', { name: 'Continuar' }).click()
    await page.getByRole('img', { name: 'Código QR' }).waitFor()
    const secret = (await page.locator('.once-secret').textContent()) ?? ''
    await look('second-factor-set-up')
    await page.getByLabel('Código de seis cifras').fill(codeOfSecret(secret))
    await page.getByRole('dialog').getByRole('button', { name: 'Activar' }).click()
    await page.getByRole('heading', { name: 'Códigos de recuperación' }).waitFor()
    const codes = await page.locator('.codes code').allTextContents()
    assert.equal(codes.length, 10)
    await look('recovery-codes')
    await page.getByRole('button', { name: 'Ya los guardé' }).click()
    await panel.getByText('Activado').waitFor()
    return [secret, codes]
  }

  const makeOwnKey = async ({ page, look }: Person) => {
    await page.getByRole('button', { name: 'Crear clave' }).click()
    await page.getByLabel('Nombre', { exact: true }).fill('Planilla')
    await page.getByRole('dialog').getByRole('button', { name: 'Crear clave' }).click()
    await page.getByRole('heading', { name: 'Clave creada' }).waitFor()
    const token = (await page.locator('.once-secret').textContent()) ?? ''
    assert.equal((await api.ask('GET /api/v1/points', { token })).status, 200)
    await page.getByRole('button', { name: 'Listo' }).click()
    await look('account-keys')
    await page.getByRole('button', { name: 'Revocar' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Revocar' }).click()
    await page.getByText('Revocada').first().waitFor()
    assert.equal((await api.ask('GET /api/v1/points', { token })).status, 401)
  }

  test('lets an administrator change, keep out and help a user, and keep keys', async () => {
    await person('phone', async who => {
      const { page, open, look } = who
      await signIn(who, ADMINISTRATOR, password)
      await overview(who)
      await open('/admin/users')
      await look('admin-users')
      await page.getByRole('link', { name: 'Eva Rojas' }).click()
      await page.getByRole('heading', { level: 1, name: 'Eva Rojas' }).waitFor()
      await page.getByText('Segundo factor · 1 llave de acceso').waitFor()
      await look('admin-user')
      await page.getByRole('button', { name: 'Quitar segundo factor y llaves' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Quitar segundo factor y llaves' }).click()
      await page.getByText('Solo contraseña', { exact: true }).waitFor()
      await page.getByRole('button', { name: 'Deshabilitar' }).click()
      await look('admin-disable')
      await page.getByRole('dialog').getByRole('button', { name: 'Deshabilitar' }).click()
      await page.getByText('Deshabilitado', { exact: true }).waitFor()
      await page.getByRole('button', { name: 'Habilitar' }).click()
      await page.getByText('Activo', { exact: true }).waitFor()

      await open('/admin/keys')
      await look('admin-keys')
      await page.getByRole('button', { name: 'Crear clave' }).click()
      await page.getByLabel('Nombre').fill('Tablero')
      await page.getByLabel('Cliente').selectOption('campo')
      await look('admin-key')
      await page.getByRole('dialog').getByRole('button', { name: 'Crear clave' }).click()
      await page.getByRole('heading', { name: 'Clave creada' }).waitFor()
    })
  })

  test('sends who has forgotten a password a link, and says the same to nobody', async () => {
    await person('phone', async who => {
      const { page, open, look } = who
      const before = mail.asked
      await open('/recovery')
      await look('recovery')
      for (const email of ['nadie@example.cl', EVA]) {
        await page.getByLabel('Correo electrónico').fill(email)
        await page.getByRole('button', { name: 'Enviar enlace' }).click()
        await page.getByText('Si hay un usuario con ese correo').waitFor()
      }
      await api.deps.links.settled()
      assert.equal(mail.asked, before + 1)
      const source = mail.taken.at(-1)?.source.replaceAll('=\r\n', '') ?? ''
      const [link = ''] = /http\S+\/recovery#[\w-]{43}/.exec(source) ?? []
      await open(link)
      await page.reload()
      await page.getByText(EVA).waitFor()
      await look('recovery-choose')
      await page.getByLabel('Contraseña').fill('otra-frase-bien-larga')
      await page.getByLabel('Repítala').fill('otra-frase-bien-larga')
      await page.getByRole('button', { name: 'Guardar y entrar' }).click()
      await overview(who)
    })
  })
})
