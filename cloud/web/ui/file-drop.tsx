// A file, dropped or chosen.

import { useId, useState } from 'react'
import { useFormat, useText } from '../i18n/language.tsx'
import '../styles/form.css'
import { Icon } from './icons.tsx'

/** A place for one file. */
export function FileDrop({
  label,
  accept,
  file,
  onFile,
}: {
  label: string
  /** As an input of files takes it. */
  accept: string
  file: File | undefined
  onFile: (file: File | undefined) => void
}) {
  const text = useText()
  const format = useFormat()
  const id = useId()
  const [isOver, setOver] = useState(false)
  return (
    <div className="form-field">
      <label htmlFor={id}>{label}</label>
      <div className={`file-drop ${isOver ? 'is-over' : ''}`}>
        <Icon name="upload" />
        <span>{file === undefined ? text.ui.dropFile : `${file.name} (${format.bytes(file.size)})`}</span>
        <input
          id={id}
          type="file"
          accept={accept}
          onChange={({ target }) => onFile(target.files?.[0])}
          onDragEnter={() => setOver(true)}
          onDragLeave={() => setOver(false)}
          onDrop={() => setOver(false)}
        />
      </div>
    </div>
  )
}
