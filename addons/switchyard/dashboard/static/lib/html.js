// One place where the libraries are bound together: screens import everything from here.

import htm from "../vendor/htm.js";
import { Fragment, createElement, render } from "../vendor/preact.js";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/hooks.js";
import { batch, computed, effect, signal, useComputed, useSignal } from "../vendor/signals.js";

export const html = htm.bind(createElement);
export {
  Fragment, batch, computed, effect, render, signal,
  useComputed, useEffect, useLayoutEffect, useMemo, useRef, useSignal, useState,
};
