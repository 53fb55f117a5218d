// How many jobs ended, five minutes back, counted from the feed as they come.

const BUCKET_MS = 5_000;
const BUCKETS = 60;
const SOONEST_MS = 10_000; // no figure from less than this

export class SpeedMeter {
  constructor(now = () => performance.now()) {
    this.now = now;
    this.restart();
  }

  restart() {
    this.began = this.now();
    this.at = this.#index();
    this.buckets = new Array(BUCKETS).fill(0);
    this.any = false;
  }

  #index() {
    return Math.floor(this.now() / BUCKET_MS);
  }

  #turn() {
    const index = this.#index();
    for (let step = Math.min(index - this.at, BUCKETS); step > 0; step -= 1) {
      this.buckets.shift();
      this.buckets.push(0);
    }
    this.at = index;
  }

  ended() {
    this.#turn();
    this.buckets[BUCKETS - 1] += 1;
    this.any = true;
  }

  /** Jobs a minute over the last minute, or over what was seen of it; null: not known yet. */
  perMinute() {
    this.#turn();
    const seen = Math.min(60_000, this.now() - this.began);
    if (seen < SOONEST_MS || !this.any) return null;
    const recent = this.buckets.slice(-60_000 / BUCKET_MS).reduce((sum, one) => sum + one, 0);
    return Math.round((recent * 60_000) / seen);
  }

  /** The buckets, the oldest first. */
  series() {
    this.#turn();
    return this.buckets;
  }
}
