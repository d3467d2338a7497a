// Made by make_types.py from proto/; do not edit.

// A 64-bit integer: JSON has it as text.
export type Long = string;

export interface AliasRef {
  name: string;
}

export interface AnswerInputRequestRequest {
  requestId: string;
  namespace: string;
  dagId: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  options: string[];
  params?: Record<string, unknown>;
  user: string;
  minPosition: Long;
}

export interface AnswerInputRequestResponse {
  position: Long;
}

export interface Asset {
  namespace: string;
  name: string;
  uri: string;
  group: string;
  updatedAt?: string;
  lastEvent: Long;
}

export interface AssetCondition {
  asset?: AssetRef;
  alias?: AliasRef;
  allOf?: AssetConditions;
  anyOf?: AssetConditions;
}

export interface AssetConditions {
  parts: AssetCondition[];
}

export interface AssetEvent {
  position: Long;
  namespace: string;
  name: string;
  uri: string;
  extra?: Record<string, unknown>;
  aliases: string[];
  dagId: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  recordedAt?: string;
}

export interface AssetOrAlias {
  asset?: AssetRef;
  alias?: AliasRef;
}

export interface AssetOrTimeSchedule {
  time?: Schedule;
  condition?: AssetCondition;
}

export interface AssetRef {
  name: string;
  uri: string;
  group: string;
}

export interface Backfill {
  namespace: string;
  dagId: string;
  backfillId: string;
  fromDate?: string;
  toDate?: string;
  reprocessBehavior: string;
  runBackwards: boolean;
  maxActiveRuns: number;
  conf?: Record<string, unknown>;
  state: string;
  total: number;
  number: number;
  skipped: number;
  createdAt?: string;
  endedAt?: string;
}

export interface BackfillDate {
  times?: RunTimes;
  runId: string;
  reason: string;
}

export interface BashAction {
  command: string;
  env: Record<string, string>;
  appendEnv: boolean;
  cwd?: string;
  skipExitCodes: number[];
  hasEnv: boolean;
  hasSkipExitCodes: boolean;
}

export interface Blocker {
  code: string;
  message: string;
  advice: string;
  since?: string;
  until?: string;
  by: string;
  subjects: BlockerSubject[];
  events: BlockerEvent[];
}

export interface BlockerEvent {
  position: Long;
  type: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  attempt: number;
  actor: string;
  recordedAt?: string;
}

export interface BlockerSubject {
  dagId: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  state: string;
}

export interface CancelBackfillRequest {
  requestId: string;
  namespace: string;
  dagId: string;
  backfillId: string;
}

export interface CancelBackfillResponse {
  position: Long;
}

export interface ChainHeads {
  shard: number;
  firstPosition: Long;
  lastPosition: Long;
  before: string;
  digest: string;
}

export interface ClearTasksRequest {
  requestId: string;
  namespace: string;
  dagId: string;
  runId: string;
  tasks: TaskSelector[];
  includeUpstream: boolean;
  includeDownstream: boolean;
  includePast: boolean;
  includeFuture: boolean;
  onlyFailed?: boolean;
  onlyRunning: boolean;
  resetDagRuns?: boolean;
  runOnLatestVersion: boolean;
  dryRun?: boolean;
  minPosition: Long;
}

export interface ClearTasksResponse {
  tasks: ControlledTask[];
  position: Long;
  notFollowed: ControlledTask[];
}

export interface ComponentHealth {
  name: string;
  state: HealthState;
  detail: string;
  active: string;
  standingBy: number;
  lag: Long;
}

export interface Connection {
  namespace: string;
  connId: string;
  description: string;
  version: Long;
  updatedAt?: string;
  fields?: ConnectionFields;
  hasPassword: boolean;
}

export interface ConnectionFields {
  connType: string;
  host?: string;
  login?: string;
  password?: string;
  schema?: string;
  port?: number;
  extra?: string;
}

export interface ContinuousSchedule {
}

export interface ControlledTask {
  runId: string;
  taskId: string;
  mapIndex: number[];
  dagId: string;
}

export interface CountRunsRequest {
  namespace: string;
  dagId: string;
  logicalFrom?: string;
  logicalUntil?: string;
  timeZone: string;
  minPosition: Long;
}

export interface CountRunsResponse {
  days: RunDay[];
}

export interface CreateBackfillRequest {
  requestId: string;
  namespace: string;
  dagId: string;
  fromDate?: string;
  toDate?: string;
  reprocessBehavior: string;
  runBackwards: boolean;
  maxActiveRuns?: number;
  conf?: Record<string, unknown>;
  runOnLatestVersion?: boolean;
}

export interface CreateBackfillResponse {
  dagId: string;
  backfillId: string;
  position: Long;
}

export interface CreateTokenRequest {
  requestId: string;
  user: string;
  label: string;
  scopes: string[];
  expiresAt?: string;
}

export interface CreateTokenResponse {
  tokenId: string;
  secret: string;
  position: Long;
}

export interface CreateUserRequest {
  requestId: string;
  name: string;
}

export interface CreateUserResponse {
  position: Long;
}

export interface CronIntervalSchedule {
  cron: string;
  timezone: string;
}

export interface CronTriggerSchedule {
  crons: string[];
  timezone: string;
  interval?: Delta;
  isRunImmediately?: boolean;
  runImmediatelyWithinS?: number;
}

export interface Dag {
  namespace: string;
  dagId: string;
  latestVersion: number;
  spec?: DagSpec;
  bundle: string;
  submittedAt?: string;
  isPaused: boolean;
  pauseReason: string;
  nextRun?: RunTimes;
  displayName: string;
  description: string;
  tags: string[];
  owners: string[];
  schedule: string;
  file: string;
  recentRuns: RunSummary[];
}

export interface DagAt {
  dagId: string;
  latestVersion: number;
  submittedAt?: string;
  isPaused: boolean;
  pauseReason: string;
}

export interface DagSpec {
  dagId: string;
  tasks: TaskSpec[];
  schedule?: string;
  startDate?: string;
  timezone: string;
  catchup: boolean;
  tags: string[];
  description: string;
  doc: string;
  params?: Record<string, unknown>;
  file: string;
  scheduleObject?: Schedule;
  endDate?: string;
  displayName: string;
  groups: GroupSpec[];
  paramSchemas?: Record<string, unknown>;
  maxActiveRuns?: number;
  maxActiveTasks?: number;
  dagrunTimeoutS?: number;
  isPausedUponCreation?: boolean;
  failFast: boolean;
  maxConsecutiveFailedDagRuns: number;
  fairnessKey: string;
  callbacks: string[];
  deadlines: DeadlineSpec[];
}

export interface DagVersion {
  namespace: string;
  dagId: string;
  version: number;
  bundle: string;
  submittedAt?: string;
  submittedBy: string;
  position: Long;
  spec?: DagSpec;
}

export interface DeadlineSpec {
  name: string;
  reference: string;
  intervalS: number;
  at: string;
  maxRuns: number;
  minRuns: number;
}

export interface DeleteConnectionRequest {
  requestId: string;
  namespace: string;
  connId: string;
}

export interface DeleteConnectionResponse {
  position: Long;
}

export interface DeletePoolRequest {
  requestId: string;
  namespace: string;
  name: string;
}

export interface DeletePoolResponse {
  position: Long;
}

export interface DeleteUserRequest {
  requestId: string;
  name: string;
}

export interface DeleteUserResponse {
  position: Long;
}

export interface DeleteVariableRequest {
  requestId: string;
  namespace: string;
  key: string;
}

export interface DeleteVariableResponse {
  position: Long;
}

export interface Delta {
  seconds: number;
  months: number;
}

export interface DeltaIntervalSchedule {
  every?: Delta;
}

export interface DeltaTriggerSchedule {
  every?: Delta;
  interval?: Delta;
}

export interface DiffRunsRequest {
  namespace: string;
  dagId: string;
  runId: string;
  otherDagId: string;
  otherRunId: string;
  minPosition: Long;
}

export interface DiffRunsResponse {
  one?: Run;
  other?: Run;
  inputs: InputDifference[];
  tasks: InputDifference[];
  divergences: Divergence[];
  divergenceCount: Long;
  firstOutcome?: Divergence;
  durations: DurationChange[];
}

export interface Divergence {
  taskId: string;
  mapIndex: number[];
  kind: DivergenceKind;
  one: string;
  other: string;
  onePosition: Long;
  otherPosition: Long;
  isFirst: boolean;
}

export type DivergenceKind =
  | "DIVERGENCE_KIND_UNSPECIFIED"
  | "DIVERGENCE_KIND_OUTCOME"
  | "DIVERGENCE_KIND_RESULT"
  | "DIVERGENCE_KIND_MISSING"
  | "DIVERGENCE_KIND_EXTRA"
;

export interface DryRunBackfillRequest {
  namespace: string;
  dagId: string;
  fromDate?: string;
  toDate?: string;
  reprocessBehavior: string;
  runBackwards: boolean;
  maxActiveRuns?: number;
  conf?: Record<string, unknown>;
  runOnLatestVersion?: boolean;
  minPosition: Long;
}

export interface DryRunBackfillResponse {
  dates: BackfillDate[];
}

export interface DurationChange {
  taskId: string;
  mapIndex: number[];
  oneSeconds: number;
  otherSeconds: number;
}

export interface EmitAssetEventRequest {
  requestId: string;
  namespace: string;
  name: string;
  uri: string;
  extra?: Record<string, unknown>;
}

export interface EmitAssetEventResponse {
  position: Long;
}

export interface EmptyAction {
}

export interface Event {
  position: Long;
  epoch: Long;
  type: string;
  namespace: string;
  dagId: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  attempt: number;
  actor: string;
  causation: string;
  recordedAt?: string;
  dataJson: string;
  digest: string;
  trace: string;
}

export interface EventsSchedule {
  events: string[];
  restrictToEvents: boolean;
}

export interface ExplainTaskRequest {
  namespace: string;
  dagId: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  minPosition: Long;
}

export interface ExplainTaskResponse {
  namespace: string;
  dagId: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  state: TaskState;
  runState: RunState;
  sentence: string;
  blockers: Blocker[];
  position: Long;
}

export interface ExportEventsRequest {
  fromPosition: Long;
  toPosition: Long;
  minPosition: Long;
}

export interface ExportEventsResponse {
  heads?: ChainHeads;
  lines: string;
  position: Long;
}

export interface GetConnectionRequest {
  namespace: string;
  connId: string;
  minPosition: Long;
}

export interface GetConnectionResponse {
  connection?: Connection;
}

export interface GetDagRequest {
  namespace: string;
  dagId: string;
  version: number;
  minPosition: Long;
}

export interface GetDagResponse {
  dag?: Dag;
}

export interface GetDagVersionRequest {
  namespace: string;
  dagId: string;
  version: number;
  withSource: boolean;
  minPosition: Long;
}

export interface GetDagVersionResponse {
  dagVersion?: DagVersion;
  specJson: string;
  source: string;
}

export interface GetGridRequest {
  namespace: string;
  dagId: string;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
  states: RunState[];
  orderBy: string;
  runTypes: string[];
  runIdPrefix: string;
  createdFrom?: string;
  createdUntil?: string;
  logicalFrom?: string;
  logicalUntil?: string;
  dagVersion: number;
  backfillId: string;
}

export interface GetGridResponse {
  taskIds: string[];
  latestTasks: number;
  runs: GridRun[];
  nextPageToken: string;
}

export interface GetHeadRequest {
  position: Long;
  at?: string;
  minPosition: Long;
}

export interface GetHeadResponse {
  position: Long;
  epoch: Long;
  digest: string;
  recordedAt?: string;
}

export interface GetHealthRequest {
  minPosition: Long;
}

export interface GetHealthResponse {
  state: HealthState;
  components: ComponentHealth[];
  version: string;
  logPosition: Long;
  projectedPosition: Long;
}

export interface GetInputRequestRequest {
  namespace: string;
  dagId: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  minPosition: Long;
}

export interface GetInputRequestResponse {
  request?: InputRequest;
}

export interface GetLineageRequest {
  namespace: string;
  dagId: string;
  runId: string;
  minPosition: Long;
}

export interface GetLineageResponse {
  run?: Run;
  ancestors: Run[];
  reruns: Run[];
}

export interface GetOverviewRequest {
  namespace: string;
  minPosition: Long;
  since?: string;
  lateAfterS: number;
}

export interface GetOverviewResponse {
  dags: number;
  pausedDags: number;
  openRuns: RunStateCount[];
  openTasks: TaskStateCount[];
  recentRuns: RunStateCount[];
  failed: number;
  failedRuns: OverviewRun[];
  late: number;
  lateRuns: LateRun[];
  missed: number;
  missedDeadlines: MissedDeadline[];
  queues: QueueStatus[];
  since?: string;
}

export interface GetPoolRequest {
  namespace: string;
  name: string;
  minPosition: Long;
}

export interface GetPoolResponse {
  pool?: Pool;
}

export interface GetRenderedFieldsRequest {
  namespace: string;
  dagId: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  attempt: number;
  minPosition: Long;
}

export interface GetRenderedFieldsResponse {
  fields: RenderedField[];
  attempt: number;
  takenFrom: string;
}

export interface GetRunAtRequest {
  namespace: string;
  dagId: string;
  runId: string;
  at?: Moment;
  minPosition: Long;
}

export interface GetRunAtResponse {
  at?: LogPlace;
  run?: Run;
}

export interface GetRunRequest {
  namespace: string;
  dagId: string;
  runId: string;
  minPosition: Long;
}

export interface GetRunResponse {
  run?: Run;
}

export interface GetSecretKeysRequest {
  minPosition: Long;
}

export interface GetSecretKeysResponse {
  keys: SecretKey[];
}

export interface GetStateAtRequest {
  namespace: string;
  at?: Moment;
  minPosition: Long;
}

export interface GetStateAtResponse {
  at?: LogPlace;
  epoch: Long;
  digest: string;
  dags: Long;
  pausedDags: Long;
  runs: RunCount[];
  pools: PoolAt[];
  variables: NameAt[];
  connections: NameAt[];
}

export interface GetStatusRequest {
  minPosition: Long;
}

export interface GetStatusResponse {
  version: string;
  logPosition: Long;
  epoch: Long;
  projectedPosition: Long;
  workers: WorkerStatus[];
  natsIsConnected: boolean;
}

export interface GetTaskInstanceRequest {
  namespace: string;
  dagId: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  minPosition: Long;
}

export interface GetTaskInstanceResponse {
  taskInstance?: TaskInstance;
}

export interface GetVariableRequest {
  namespace: string;
  key: string;
  minPosition: Long;
}

export interface GetVariableResponse {
  variable?: Variable;
}

export interface GetWorkerRequest {
  workerId: string;
  minPosition: Long;
}

export interface GetWorkerResponse {
  worker?: Worker;
}

export interface GetXComRequest {
  namespace: string;
  dagId: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  key: string;
  minPosition: Long;
}

export interface GetXComResponse {
  xcom?: XCom;
}

export interface GrantRoleRequest {
  requestId: string;
  subject: string;
  role: Role;
  namespace: string;
  dagId: string;
}

export interface GrantRoleResponse {
  position: Long;
}

export interface GridInstances {
  counts: TaskStateCount[];
}

export interface GridRun {
  runId: string;
  state: RunState;
  runType: string;
  dagVersion: number;
  logicalDate?: string;
  runAfter?: string;
  createdAt?: string;
  startedAt?: string;
  endedAt?: string;
  createdPosition: Long;
  states: string;
  attempts: Record<string, number>;
  mapped: Record<string, GridInstances>;
}

export interface GroupSpec {
  groupId: string;
  parent: string;
  label: string;
  tooltip: string;
  mappedOver: MapSource[];
}

export type HealthState =
  | "HEALTH_STATE_UNSPECIFIED"
  | "HEALTH_STATE_HEALTHY"
  | "HEALTH_STATE_DEGRADED"
  | "HEALTH_STATE_UNHEALTHY"
;

export interface ImportError {
  file: string;
  line: number;
  message: string;
  at?: string;
  source: string;
  namespace: string;
}

export interface InputAnswer {
  options: string[];
  params?: Record<string, unknown>;
  user?: InputUser;
}

export interface InputDifference {
  name: string;
  one: string;
  other: string;
}

export interface InputRequest {
  namespace: string;
  dagId: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  attempt: number;
  state: InputState;
  subject: string;
  body: string;
  options: string[];
  defaults: string[];
  multiple: boolean;
  params?: Record<string, unknown>;
  assignedUsers: InputUser[];
  askedAt?: string;
  timeoutAt?: string;
  endedAt?: string;
  answer?: InputAnswer;
}

export type InputState =
  | "INPUT_STATE_UNSPECIFIED"
  | "INPUT_STATE_WAITING"
  | "INPUT_STATE_ANSWERED"
  | "INPUT_STATE_TIMED_OUT"
  | "INPUT_STATE_CLOSED"
;

export interface InputUser {
  id: string;
  name: string;
}

export interface LateRun {
  dagId: string;
  runId: string;
  logicalDate?: string;
  dueAt?: string;
}

export interface ListAssetEventsRequest {
  namespace: string;
  name: string;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
  dagId: string;
  runId: string;
  orderBy: string;
}

export interface ListAssetEventsResponse {
  events: AssetEvent[];
  nextPageToken: string;
}

export interface ListAssetsRequest {
  namespace: string;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
  group: string;
  search: string;
  orderBy: string;
}

export interface ListAssetsResponse {
  assets: Asset[];
  nextPageToken: string;
}

export interface ListAttemptsRequest {
  namespace: string;
  dagId: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  pageSize: number;
  pageToken: string;
  minPosition: Long;
}

export interface ListAttemptsResponse {
  attempts: TaskAttempt[];
  nextPageToken: string;
}

export interface ListBackfillsRequest {
  namespace: string;
  dagId: string;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
  states: string[];
  orderBy: string;
}

export interface ListBackfillsResponse {
  backfills: Backfill[];
  nextPageToken: string;
}

export interface ListConnectionsRequest {
  namespace: string;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
  search: string;
  orderBy: string;
}

export interface ListConnectionsResponse {
  connections: Connection[];
  nextPageToken: string;
}

export interface ListDagVersionsRequest {
  namespace: string;
  dagId: string;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
}

export interface ListDagVersionsResponse {
  dagVersions: DagVersion[];
  nextPageToken: string;
}

export interface ListDagsAtRequest {
  namespace: string;
  at?: Moment;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
}

export interface ListDagsAtResponse {
  at?: LogPlace;
  dags: DagAt[];
  nextPageToken: string;
}

export interface ListDagsRequest {
  namespace: string;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
  tags: string[];
  allTags: boolean;
  owners: string[];
  search: string;
  isPaused?: boolean;
  lastRunStates: RunState[];
  recentRuns: number;
  orderBy: string;
}

export interface ListDagsResponse {
  dags: Dag[];
  nextPageToken: string;
}

export interface ListEventsRequest {
  namespace: string;
  dagId: string;
  runId: string;
  fromPosition: Long;
  pageSize: number;
  minPosition: Long;
  types: string[];
  actor: string;
  taskId: string;
  since?: string;
  until?: string;
  orderBy: string;
}

export interface ListEventsResponse {
  events: Event[];
  nextPosition: Long;
}

export interface ListImportErrorsRequest {
  namespace: string;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
}

export interface ListImportErrorsResponse {
  errors: ImportError[];
  nextPageToken: string;
}

export interface ListInputRequestsRequest {
  namespace: string;
  dagId: string;
  runId: string;
  state: InputState;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
  orderBy: string;
}

export interface ListInputRequestsResponse {
  requests: InputRequest[];
  nextPageToken: string;
}

export interface ListPoolsRequest {
  namespace: string;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
  search: string;
  orderBy: string;
}

export interface ListPoolsResponse {
  pools: Pool[];
  nextPageToken: string;
}

export interface ListRolesRequest {
  namespace: string;
  subject: string;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
}

export interface ListRolesResponse {
  roles: RoleBinding[];
  nextPageToken: string;
}

export interface ListRunsAtRequest {
  namespace: string;
  dagId: string;
  states: RunState[];
  at?: Moment;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
}

export interface ListRunsAtResponse {
  at?: LogPlace;
  runs: Run[];
  nextPageToken: string;
}

export interface ListRunsRequest {
  namespace: string;
  dagId: string;
  states: RunState[];
  pageSize: number;
  pageToken: string;
  minPosition: Long;
  orderBy: string;
  runTypes: string[];
  runIdPrefix: string;
  createdFrom?: string;
  createdUntil?: string;
  logicalFrom?: string;
  logicalUntil?: string;
  dagVersion: number;
  backfillId: string;
}

export interface ListRunsResponse {
  runs: Run[];
  nextPageToken: string;
}

export interface ListTaskInstancesAtRequest {
  namespace: string;
  dagId: string;
  runId: string;
  at?: Moment;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
}

export interface ListTaskInstancesAtResponse {
  at?: LogPlace;
  taskInstances: TaskInstance[];
  nextPageToken: string;
}

export interface ListTaskInstancesRequest {
  namespace: string;
  dagId: string;
  runId: string;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
  states: TaskState[];
  taskIds: string[];
  orderBy: string;
  worker: string;
  queue: string;
  pool: string;
}

export interface ListTaskInstancesResponse {
  taskInstances: TaskInstance[];
  nextPageToken: string;
}

export interface ListTokensRequest {
  user: string;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
}

export interface ListTokensResponse {
  tokens: Token[];
  nextPageToken: string;
}

export interface ListUsersRequest {
  pageSize: number;
  pageToken: string;
  minPosition: Long;
}

export interface ListUsersResponse {
  users: User[];
  nextPageToken: string;
}

export interface ListVariablesRequest {
  namespace: string;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
  search: string;
  orderBy: string;
}

export interface ListVariablesResponse {
  variables: Variable[];
  nextPageToken: string;
}

export interface ListWorkersRequest {
  queue: string;
  withRunning: boolean;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
}

export interface ListWorkersResponse {
  workers: Worker[];
  nextPageToken: string;
}

export interface ListXComsRequest {
  namespace: string;
  dagId: string;
  runId: string;
  pageSize: number;
  pageToken: string;
  minPosition: Long;
  taskId: string;
  key: string;
}

export interface ListXComsResponse {
  xcoms: XCom[];
  nextPageToken: string;
}

export interface ListedSchedule {
  runs: RunTimes[];
}

export interface LogLine {
  number: Long;
  at?: string;
  source: string;
  text: string;
  level: string;
  logger: string;
}

export interface LogPlace {
  position: Long;
  recordedAt?: string;
}

export interface MapSource {
  taskId: string;
  length: number;
  how: string;
  of: MapSource[];
}

export interface MarkRunRequest {
  requestId: string;
  namespace: string;
  dagId: string;
  runId: string;
  state: RunState;
  note: string;
  minPosition: Long;
}

export interface MarkRunResponse {
  position: Long;
}

export interface MarkTasksRequest {
  requestId: string;
  namespace: string;
  dagId: string;
  runId: string;
  tasks: TaskSelector[];
  state: TaskState;
  includeUpstream: boolean;
  includeDownstream: boolean;
  includePast: boolean;
  includeFuture: boolean;
  note: string;
  dryRun: boolean;
  minPosition: Long;
}

export interface MarkTasksResponse {
  tasks: ControlledTask[];
  position: Long;
}

export interface MarkedTask {
  dagId: string;
  taskId: string;
  logicalDate: string;
  recursionDepth: number;
}

export interface MissedDeadline {
  dagId: string;
  runId: string;
  name: string;
  dueAt?: string;
  missedAt?: string;
  state: RunState;
}

export interface Moment {
  position?: Long;
  instant?: string;
}

export interface NameAt {
  name: string;
  version: Long;
}

export interface NoSchedule {
}

export interface OnceSchedule {
}

export interface OverviewRun {
  dagId: string;
  runId: string;
  state: RunState;
  runType: string;
  logicalDate?: string;
  startedAt?: string;
  endedAt?: string;
  reason: string;
}

export interface Pool {
  namespace: string;
  name: string;
  slots: number;
  includeDeferred: boolean;
  description: string;
  runningSlots: Long;
  queuedSlots: Long;
  deferredSlots: Long;
  scheduledSlots: Long;
  occupiedSlots: Long;
  openSlots: Long;
}

export interface PoolAt {
  name: string;
  slots: number;
}

export interface PythonAction {
}

export interface QueueStatus {
  queue: string;
  waiting: number;
  running: number;
  workers: number;
  slots: number;
  busy: number;
}

export interface ReadLogRequest {
  namespace: string;
  dagId: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  attempt: number;
  fromLine: Long;
  follow: boolean;
  followRetries: boolean;
  levels: string[];
  contains: string;
  minPosition: Long;
}

export interface ReadLogResponse {
  attempt: number;
  lines: LogLine[];
  nextLine: Long;
  isEnd: boolean;
  state: string;
  reason: string;
}

export interface RenderedField {
  name: string;
  value: string;
}

export interface ReportImportErrorsRequest {
  requestId: string;
  namespace: string;
  source: string;
  errors: ImportError[];
  ttl?: string;
}

export interface ReportImportErrorsResponse {
}

export interface RerunRunRequest {
  requestId: string;
  namespace: string;
  dagId: string;
  runId: string;
  newRunId: string;
  start: RerunStart;
  tasks: TaskSelector[];
  at?: Moment;
  conf?: Record<string, unknown>;
  dagVersion: number;
  latestVersion: boolean;
  note: string;
  minPosition: Long;
}

export interface RerunRunResponse {
  dagId: string;
  runId: string;
  position: Long;
  takenOver: Long;
}

export type RerunStart =
  | "RERUN_START_UNSPECIFIED"
  | "RERUN_START_FAILED"
  | "RERUN_START_TASKS"
  | "RERUN_START_EVENT"
;

export interface RevokeRoleRequest {
  requestId: string;
  subject: string;
  role: Role;
  namespace: string;
  dagId: string;
}

export interface RevokeRoleResponse {
  position: Long;
}

export interface RevokeTokenRequest {
  requestId: string;
  tokenId: string;
}

export interface RevokeTokenResponse {
  position: Long;
}

export type Role =
  | "ROLE_UNSPECIFIED"
  | "ROLE_VIEWER"
  | "ROLE_OPERATOR"
  | "ROLE_AUTHOR"
  | "ROLE_ADMIN"
;

export interface RoleBinding {
  subject: string;
  role: Role;
  namespace: string;
  dagId: string;
  grantedAt?: string;
  grantedBy: string;
}

export interface RotateSecretsRequest {
  requestId: string;
}

export interface RotateSecretsResponse {
  rotated: Long;
  unreadable: Long;
  hasMore: boolean;
  position: Long;
}

export interface Run {
  namespace: string;
  dagId: string;
  runId: string;
  dagVersion: number;
  state: RunState;
  runType: string;
  conf?: Record<string, unknown>;
  logicalDate?: string;
  createdAt?: string;
  startedAt?: string;
  endedAt?: string;
  note: string;
  reason: string;
  createdPosition: Long;
  dataIntervalStart?: string;
  dataIntervalEnd?: string;
  runAfter?: string;
  triggeredBy: string;
  backfillId: string;
  rerunOf: string;
  rerunPosition: Long;
  rerunStart: string;
}

export interface RunCount {
  state: RunState;
  count: Long;
}

export interface RunDay {
  date: string;
  counts: RunStateCount[];
}

export type RunState =
  | "RUN_STATE_UNSPECIFIED"
  | "RUN_STATE_QUEUED"
  | "RUN_STATE_RUNNING"
  | "RUN_STATE_SUCCESS"
  | "RUN_STATE_FAILED"
;

export interface RunStateCount {
  state: RunState;
  count: number;
}

export interface RunSummary {
  runId: string;
  state: RunState;
  runType: string;
  logicalDate?: string;
  createdAt?: string;
  startedAt?: string;
  endedAt?: string;
}

export interface RunTimes {
  logicalDate?: string;
  intervalStart?: string;
  intervalEnd?: string;
  runAfter?: string;
}

export interface RunningTask {
  namespace: string;
  dagId: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  attempt: number;
  queue: string;
  startedAt?: string;
}

export interface Schedule {
  cron?: CronTriggerSchedule;
  cronInterval?: CronIntervalSchedule;
  delta?: DeltaTriggerSchedule;
  deltaInterval?: DeltaIntervalSchedule;
  events?: EventsSchedule;
  once?: OnceSchedule;
  continuous?: ContinuousSchedule;
  none?: NoSchedule;
  listed?: ListedSchedule;
  assets?: AssetCondition;
  assetOrTime?: AssetOrTimeSchedule;
}

export interface SecretKey {
  keyId: string;
  count: Long;
  isKnown: boolean;
  isInUse: boolean;
}

export interface SetBackfillPausedRequest {
  requestId: string;
  namespace: string;
  dagId: string;
  backfillId: string;
  isPaused: boolean;
}

export interface SetBackfillPausedResponse {
  position: Long;
}

export interface SetConnectionRequest {
  requestId: string;
  namespace: string;
  connId: string;
  fields?: ConnectionFields;
  description: string;
  mustBeNew: boolean;
}

export interface SetConnectionResponse {
  version: Long;
  position: Long;
}

export interface SetDagPausedRequest {
  requestId: string;
  namespace: string;
  dagId: string;
  isPaused: boolean;
}

export interface SetDagPausedResponse {
  position: Long;
  hasChanged: boolean;
}

export interface SetPoolRequest {
  requestId: string;
  namespace: string;
  name: string;
  slots: number;
  includeDeferred: boolean;
  description: string;
}

export interface SetPoolResponse {
  position: Long;
}

export interface SetVariableRequest {
  requestId: string;
  namespace: string;
  key: string;
  value: string;
  description: string;
}

export interface SetVariableResponse {
  version: Long;
  position: Long;
}

export interface SubmitDagRequest {
  requestId: string;
  namespace: string;
  spec?: DagSpec;
  bundle: string;
}

export interface SubmitDagResponse {
  dagId: string;
  version: number;
  position: Long;
}

export interface TaskAttempt {
  attempt: number;
  state: string;
  queue: string;
  worker: string;
  queuedAt?: string;
  startedAt?: string;
  endedAt?: string;
  reason: string;
  traceback: string;
}

export interface TaskInstance {
  taskId: string;
  mapIndex: number[];
  state: TaskState;
  attempt: number;
  operator: string;
  queue: string;
  worker: string;
  queuedAt?: string;
  startedAt?: string;
  endedAt?: string;
  retryAt?: string;
  reason: string;
  traceback: string;
  mapName: string;
  namespace: string;
  dagId: string;
  runId: string;
  pool: string;
  poolSlots: number;
  takenFrom: string;
}

export interface TaskSelector {
  taskId: string;
  mapIndex: number[];
}

export interface TaskSpec {
  taskId: string;
  bash?: BashAction;
  python?: PythonAction;
  empty?: EmptyAction;
  operator: string;
  upstream: string[];
  triggerRule: string;
  retries: number;
  retryDelayS?: number;
  retryMultiplier?: number;
  maxRetryDelayS?: number;
  executionTimeoutS?: number;
  queue: string;
  exclusive: boolean;
  doXcomPush?: boolean;
  doc: string;
  line: number;
  isSetup: boolean;
  isTeardown: boolean;
  onFailureFailDagrun: boolean;
  mappedOver: MapSource[];
  group: string;
  edgeLabels: Record<string, string>;
  displayName: string;
  owner: string;
  pool: string;
  poolSlots?: number;
  priorityWeight?: number;
  weightRule: string;
  maxActiveTisPerDag?: number;
  maxActiveTisPerDagrun?: number;
  dependsOnPast: boolean;
  waitForDownstream: boolean;
  ignoreFirstDependsOnPast?: boolean;
  waitForPastDependsBeforeSkipping: boolean;
  callbacks: string[];
  inlets: AssetOrAlias[];
  outlets: AssetOrAlias[];
  returnsDagResult: boolean;
  marks?: MarkedTask;
  isolation: string;
  resources: Record<string, number>;
}

export type TaskState =
  | "TASK_STATE_UNSPECIFIED"
  | "TASK_STATE_NONE"
  | "TASK_STATE_QUEUED"
  | "TASK_STATE_RUNNING"
  | "TASK_STATE_UP_FOR_RETRY"
  | "TASK_STATE_SUCCESS"
  | "TASK_STATE_FAILED"
  | "TASK_STATE_SKIPPED"
  | "TASK_STATE_UPSTREAM_FAILED"
  | "TASK_STATE_SCHEDULED"
  | "TASK_STATE_UP_FOR_RESCHEDULE"
  | "TASK_STATE_DEFERRED"
  | "TASK_STATE_AWAITING_INPUT"
  | "TASK_STATE_REMOVED"
;

export interface TaskStateCount {
  state: TaskState;
  count: number;
}

export interface Token {
  tokenId: string;
  user: string;
  label: string;
  scopes: string[];
  createdAt?: string;
  expiresAt?: string;
  createdBy: string;
}

export interface TriggerRunRequest {
  requestId: string;
  namespace: string;
  dagId: string;
  runId: string;
  conf?: Record<string, unknown>;
  logicalDate?: string;
  note: string;
  runAfter?: string;
  noLogicalDate: boolean;
  unpause: boolean;
  minPosition: Long;
}

export interface TriggerRunResponse {
  dagId: string;
  runId: string;
  position: Long;
  unpaused: boolean;
}

export interface UploadBundleRequest {
  chunk: string;
}

export interface UploadBundleResponse {
  digest: string;
  size: Long;
}

export interface User {
  name: string;
  createdAt?: string;
}

export interface Variable {
  namespace: string;
  key: string;
  value?: string;
  description: string;
  version: Long;
  updatedAt?: string;
  isSecret: boolean;
}

export interface WatchEventsRequest {
  namespace: string;
  dagId: string;
  runId: string;
  fromPosition: Long;
  types: string[];
  actor: string;
  taskId: string;
}

export interface WatchEventsResponse {
  event?: Event;
}

export interface WatchRunRequest {
  namespace: string;
  dagId: string;
  runId: string;
  fromPosition: Long;
  types: string[];
}

export interface WatchRunResponse {
  event?: Event;
  run?: Run;
}

export type WhatIfKind =
  | "WHAT_IF_KIND_UNSPECIFIED"
  | "WHAT_IF_KIND_SAME"
  | "WHAT_IF_KIND_CHANGED"
  | "WHAT_IF_KIND_NEW"
  | "WHAT_IF_KIND_GONE"
;

export interface WhatIfRequest {
  namespace: string;
  dagId: string;
  runId: string;
  spec?: DagSpec;
  dagVersion: number;
  minPosition: Long;
}

export interface WhatIfResponse {
  run?: Run;
  expected: RunState;
  reason: string;
  recordedSeconds: number;
  expectedSeconds: number;
  changes: InputDifference[];
  tasks: WhatIfTask[];
  different: Long;
  assumed: Long;
}

export interface WhatIfTask {
  taskId: string;
  mapIndex: number[];
  kind: WhatIfKind;
  recorded: TaskState;
  expected: TaskState;
  recordedOrder: number;
  expectedOrder: number;
  isAssumed: boolean;
}

export interface WhoAmIRequest {
  minPosition: Long;
}

export interface WhoAmIResponse {
  name: string;
  authenticatedBy: string;
  groups: string[];
  tokenId: string;
  tokenScopes: string[];
  expiresAt?: string;
  roles: RoleBinding[];
}

export interface Worker {
  workerId: string;
  queues: string[];
  slots: number;
  busy: number;
  lastHeartbeat?: string;
  resources: Record<string, number>;
  isDraining: boolean;
  running: RunningTask[];
}

export interface WorkerStatus {
  workerId: string;
  queues: string[];
  slots: number;
  busy: number;
  lastHeartbeat?: string;
  resources: Record<string, number>;
}

export interface XCom {
  taskId: string;
  mapIndex: number[];
  key: string;
  valueJson: string;
  blob: string;
  size: Long;
  codec: string;
}

// The request and the answer of each method.
export interface Methods {
  "AccessService/CreateToken": [CreateTokenRequest, CreateTokenResponse];
  "AccessService/CreateUser": [CreateUserRequest, CreateUserResponse];
  "AccessService/DeleteUser": [DeleteUserRequest, DeleteUserResponse];
  "AccessService/GrantRole": [GrantRoleRequest, GrantRoleResponse];
  "AccessService/ListRoles": [ListRolesRequest, ListRolesResponse];
  "AccessService/ListTokens": [ListTokensRequest, ListTokensResponse];
  "AccessService/ListUsers": [ListUsersRequest, ListUsersResponse];
  "AccessService/RevokeRole": [RevokeRoleRequest, RevokeRoleResponse];
  "AccessService/RevokeToken": [RevokeTokenRequest, RevokeTokenResponse];
  "AccessService/WhoAmI": [WhoAmIRequest, WhoAmIResponse];
  "AssetService/EmitAssetEvent": [EmitAssetEventRequest, EmitAssetEventResponse];
  "AssetService/ListAssetEvents": [ListAssetEventsRequest, ListAssetEventsResponse];
  "AssetService/ListAssets": [ListAssetsRequest, ListAssetsResponse];
  "BackfillService/CancelBackfill": [CancelBackfillRequest, CancelBackfillResponse];
  "BackfillService/CreateBackfill": [CreateBackfillRequest, CreateBackfillResponse];
  "BackfillService/DryRunBackfill": [DryRunBackfillRequest, DryRunBackfillResponse];
  "BackfillService/ListBackfills": [ListBackfillsRequest, ListBackfillsResponse];
  "BackfillService/SetBackfillPaused": [SetBackfillPausedRequest, SetBackfillPausedResponse];
  "ConnectionService/DeleteConnection": [DeleteConnectionRequest, DeleteConnectionResponse];
  "ConnectionService/GetConnection": [GetConnectionRequest, GetConnectionResponse];
  "ConnectionService/ListConnections": [ListConnectionsRequest, ListConnectionsResponse];
  "ConnectionService/SetConnection": [SetConnectionRequest, SetConnectionResponse];
  "DagService/GetDag": [GetDagRequest, GetDagResponse];
  "DagService/GetDagVersion": [GetDagVersionRequest, GetDagVersionResponse];
  "DagService/ListDagVersions": [ListDagVersionsRequest, ListDagVersionsResponse];
  "DagService/ListDags": [ListDagsRequest, ListDagsResponse];
  "DagService/SetDagPaused": [SetDagPausedRequest, SetDagPausedResponse];
  "DagService/SubmitDag": [SubmitDagRequest, SubmitDagResponse];
  "DagService/UploadBundle": [UploadBundleRequest, UploadBundleResponse];
  "EventService/ExportEvents": [ExportEventsRequest, ExportEventsResponse];
  "EventService/GetHead": [GetHeadRequest, GetHeadResponse];
  "EventService/ListEvents": [ListEventsRequest, ListEventsResponse];
  "EventService/WatchEvents": [WatchEventsRequest, WatchEventsResponse];
  "ExplainService/ExplainTask": [ExplainTaskRequest, ExplainTaskResponse];
  "HistoryService/DiffRuns": [DiffRunsRequest, DiffRunsResponse];
  "HistoryService/GetLineage": [GetLineageRequest, GetLineageResponse];
  "HistoryService/GetRunAt": [GetRunAtRequest, GetRunAtResponse];
  "HistoryService/GetStateAt": [GetStateAtRequest, GetStateAtResponse];
  "HistoryService/ListDagsAt": [ListDagsAtRequest, ListDagsAtResponse];
  "HistoryService/ListRunsAt": [ListRunsAtRequest, ListRunsAtResponse];
  "HistoryService/ListTaskInstancesAt": [ListTaskInstancesAtRequest, ListTaskInstancesAtResponse];
  "HistoryService/RerunRun": [RerunRunRequest, RerunRunResponse];
  "HistoryService/WhatIf": [WhatIfRequest, WhatIfResponse];
  "HumanInputService/AnswerInputRequest": [AnswerInputRequestRequest, AnswerInputRequestResponse];
  "HumanInputService/GetInputRequest": [GetInputRequestRequest, GetInputRequestResponse];
  "HumanInputService/ListInputRequests": [ListInputRequestsRequest, ListInputRequestsResponse];
  "ImportErrorService/ListImportErrors": [ListImportErrorsRequest, ListImportErrorsResponse];
  "ImportErrorService/ReportImportErrors": [ReportImportErrorsRequest, ReportImportErrorsResponse];
  "LogService/ReadLog": [ReadLogRequest, ReadLogResponse];
  "PoolService/DeletePool": [DeletePoolRequest, DeletePoolResponse];
  "PoolService/GetPool": [GetPoolRequest, GetPoolResponse];
  "PoolService/ListPools": [ListPoolsRequest, ListPoolsResponse];
  "PoolService/SetPool": [SetPoolRequest, SetPoolResponse];
  "RunService/ClearTasks": [ClearTasksRequest, ClearTasksResponse];
  "RunService/CountRuns": [CountRunsRequest, CountRunsResponse];
  "RunService/GetGrid": [GetGridRequest, GetGridResponse];
  "RunService/GetRenderedFields": [GetRenderedFieldsRequest, GetRenderedFieldsResponse];
  "RunService/GetRun": [GetRunRequest, GetRunResponse];
  "RunService/GetTaskInstance": [GetTaskInstanceRequest, GetTaskInstanceResponse];
  "RunService/GetXCom": [GetXComRequest, GetXComResponse];
  "RunService/ListAttempts": [ListAttemptsRequest, ListAttemptsResponse];
  "RunService/ListRuns": [ListRunsRequest, ListRunsResponse];
  "RunService/ListTaskInstances": [ListTaskInstancesRequest, ListTaskInstancesResponse];
  "RunService/ListXComs": [ListXComsRequest, ListXComsResponse];
  "RunService/MarkRun": [MarkRunRequest, MarkRunResponse];
  "RunService/MarkTasks": [MarkTasksRequest, MarkTasksResponse];
  "RunService/TriggerRun": [TriggerRunRequest, TriggerRunResponse];
  "RunService/WatchRun": [WatchRunRequest, WatchRunResponse];
  "SecretService/GetSecretKeys": [GetSecretKeysRequest, GetSecretKeysResponse];
  "SecretService/RotateSecrets": [RotateSecretsRequest, RotateSecretsResponse];
  "SystemService/GetHealth": [GetHealthRequest, GetHealthResponse];
  "SystemService/GetOverview": [GetOverviewRequest, GetOverviewResponse];
  "SystemService/GetStatus": [GetStatusRequest, GetStatusResponse];
  "VariableService/DeleteVariable": [DeleteVariableRequest, DeleteVariableResponse];
  "VariableService/GetVariable": [GetVariableRequest, GetVariableResponse];
  "VariableService/ListVariables": [ListVariablesRequest, ListVariablesResponse];
  "VariableService/SetVariable": [SetVariableRequest, SetVariableResponse];
  "WorkerService/GetWorker": [GetWorkerRequest, GetWorkerResponse];
  "WorkerService/ListWorkers": [ListWorkersRequest, ListWorkersResponse];
}
