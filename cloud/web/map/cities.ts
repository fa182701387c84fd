// Cities by which one finds one's way on a map without roads: name, longitude, latitude, and how early each is shown.

/** A city; rank 1 is shown first. */
export interface City {
  name: string
  longitude: number
  latitude: number
  rank: 1 | 2 | 3
}

const city = (name: string, longitude: number, latitude: number, rank: City['rank']): City => ({
  name,
  longitude,
  latitude,
  rank,
})

/** Cities of Chile, from north to south. */
export const CITIES: readonly City[] = [
  city('Arica', -70.32, -18.48, 2),
  city('Iquique', -70.14, -20.21, 1),
  city('Calama', -68.93, -22.46, 2),
  city('Antofagasta', -70.4, -23.65, 1),
  city('Taltal', -70.48, -25.41, 3),
  city('Copiapó', -70.33, -27.37, 1),
  city('Vallenar', -70.76, -28.57, 3),
  city('La Serena', -71.25, -29.9, 1),
  city('Ovalle', -71.2, -30.6, 3),
  city('Illapel', -71.17, -31.63, 3),
  city('La Ligua', -71.23, -32.45, 3),
  city('San Felipe', -70.72, -32.75, 3),
  city('Quillota', -71.25, -32.88, 3),
  city('Valparaíso', -71.61, -33.05, 2),
  city('Casablanca', -71.41, -33.32, 3),
  city('Santiago', -70.65, -33.45, 1),
  city('San Antonio', -71.61, -33.59, 3),
  city('Talagante', -70.93, -33.66, 3),
  city('Melipilla', -71.21, -33.69, 3),
  city('Paine', -70.74, -33.81, 3),
  city('Rancagua', -70.74, -34.17, 2),
  city('San Fernando', -70.99, -34.59, 3),
  city('Curicó', -71.24, -34.98, 3),
  city('Talca', -71.66, -35.43, 2),
  city('Linares', -71.59, -35.85, 3),
  city('Chillán', -72.1, -36.61, 2),
  city('Concepción', -73.05, -36.83, 1),
  city('Los Ángeles', -72.35, -37.47, 2),
  city('Temuco', -72.6, -38.74, 1),
  city('Villarrica', -72.23, -39.28, 3),
  city('Valdivia', -73.25, -39.81, 2),
  city('Osorno', -73.13, -40.57, 3),
  city('Puerto Montt', -72.94, -41.47, 1),
  city('Castro', -73.77, -42.48, 3),
  city('Coyhaique', -72.07, -45.57, 2),
  city('Puerto Natales', -72.5, -51.73, 3),
  city('Punta Arenas', -70.92, -53.16, 1),
]
