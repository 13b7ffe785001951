// The types of Grafana's published schema as JSON has them: words in place of enumerations.
import type { AnnotationQuery, Dashboard, FieldConfig } from '@grafana/schema';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as bargauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type * as timeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';

type Plain<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
  : T extends (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
type Some<T> = Partial<Plain<T>>;

// What the Prometheus source adds to an annotation; the schema leaves that to each source.
type Annotation = Plain<AnnotationQuery> & {
  expr?: string; step?: string; titleFormat?: string; textFormat?: string; tagKeys?: string; useValueForTime?: boolean;
};
type Model = Omit<Plain<Dashboard>, 'annotations'> & { annotations?: { list?: Annotation[] } };

// What is the same for all panel types.
type Field = Some<FieldConfig>;
type StatOptions = Some<stat.Options>;
type StatField = Record<string, never>;
type TableOptions = Some<table.Options>;
// `hidden` is how Grafana 11 hides a column; later ones have `hideFrom`, and pass over the other.
type TableField = Some<table.FieldConfig> & { hidden?: boolean };
type BarGaugeOptions = Some<bargauge.Options>;
type BarGaugeField = Record<string, never>;
type TimeSeriesOptions = Some<timeseries.Options>;
type TimeSeriesField = Some<timeseries.FieldConfig>;
type StateTimelineOptions = Some<timeline.Options>;
type StateTimelineField = Some<timeline.FieldConfig>;

