"""Names of FLARE's own loggers, as its logs show them: classes and modules of nvflare 2.7 to 2.9.

A log has the last part of a logger's name only, so nothing but the name tells FLARE's records from those of other code.
Modules with a name that any project has, such as ``utils``, are left out.
"""

from __future__ import annotations

_TRANSPORT = """
    Adapter AioContext AioGrpcDriver AioStreamSession ArrayDownloadable AuxRunner BroadcastManager CacheableObject
    Cell CellMessageHeader CellPipe ClientAppRunner Communicator ConnectorManager CoreCell DataTransferHelper
    DownloadService FederatedClient FileConnection FileDownloadable FileDriver FileStreamer GetTaskCommand
    GrpcDriver ItemConsumer JobLogReceiver JobLogStreamer LogStreamer MPM MainProcessMonitor NetAgent ObjectStreamer
    PipeHandler RMEngine ReliableMessage ServerCommandAgent StreamConnection SubmitUpdateCommand TensorDownloadable
    WFCommServer _BulkSender _ChunkConsumer _Ref _Transaction aio_conn aio_http_driver aio_tcp_driver base_driver
    blob_streamer byte_receiver byte_streamer conn_manager credential_manager driver_manager file_driver function
    heartbeat_monitor net_utils runner_process sfm_conn sfm_endpoint socket_conn stream_types stream_utils
    tcp_driver worker_process
"""
_OTHERS = """
    ANSIColor APISpec AbortCommand AbortTaskCommand AccumulateWeightedAggregator AddNoiseToMinMax AddUpdateHeader
    AdminServer AggrServicer AggrUpdater Aggregator AnalyticsReceiver AnalyticsSender AnyRelayTaskManager ApiService
    App AppAdaptor AppCommandProcessor AppDefinedAggregator AppDefinedModelPersistor AppDefinedShareableGenerator
    Applet ArrayConsumer Assembler Assessor AssignVariables AsyncNumAssessor AttachBackend AttachTrainerSession
    Authenticator AutoCleanResourceManager BaseChunkConsumer BaseChunkProducer BaseDistOptExecutor BaseFedAvg
    BaseFormatter BaseModelController BaseServer BcastForeverTaskManager BcastOperator BcastTaskManager
    BinaryTransfer BroadcastAndProcess BroadcastAndWait BuffDeviceManager BuffModelManager ByeCommand CCManager
    CLIApplet CWEResultPrinter CellBackendBase CellClientAPI CellDispatcher CellMessageInterface
    CheckResourceProcessor CheckStatusCommand ClientAPIExecutor ClientAPILauncherExecutor ClientApp ClientConfig
    ClientControllerExecutor ClientDockerJobLauncher ClientEngine ClientEventRecorder ClientFedEventRunner
    ClientJsonConfigurator ClientK8sJobLauncher ClientLogger ClientManager ClientProcessJobLauncher ClientRunManager
    ClientRunner ClientSecurityHandler ClientSideController ClientSlurmJobLauncher ClientTaskWorker
    CmdTaskController Cold2HotState ColdState CollabCallAuthorizer CollabController CollabExecutor
    CollectAndAssembleAggregator CollectAndAssembleModelAggregator ColorFormatter CommandAgent CommandDescriptor
    CommandProcessor ComponentBase ComponentCaller ComponentPathAuthorizer ConciseLogFilter ConfigFactory
    ConfigService ConfigureJobLogCommand Connector ConsensusExecutor ContainerRetriever Controller ConvertToFedEvent
    ConvertWeights CountAssessor CredKeeper CrossSiteEval CrossSiteEvalClientController
    CrossSiteEvalServerController CrossSiteModelEval Cyclic CyclicClientController CyclicController
    CyclicServerController DFStatisticsCore DGDExecutor DLTrainer DPFilter DXOAggregator DXOBlocker DXOCollector
    DXOFilter DataClassDecomposer DecomposerRegister DefaultJobScheduler DeployProcessor DeviceManager DeviceRunner
    DeviceTaskProcessor DhPSIController DhPSITaskHandler DhPSIWorkFlow DiskTensorConsumer DistOptController
    DockerJobHandle DockerJobLauncher ETEdgeModelExecutor ETLController ETTaskProcessor EchoServicer EdgeApiClient
    EdgeApiServer EdgeModelExecutor EdgeModelUpdater EdgeTaskDispatcher EdgeTaskExecutor EdgeTaskReceiver
    ErrorHandlingController ErrorHandlingExecutor ErrorLogSender EvalController EventRecorder EventRelayer
    ExProcessClientAPI ExcludeVars Executor ExternalConfigurator ExternalProcessBackend FLCallback
    FLClientStarterConfiger FLComponent FLComponentWrapper FLContext FLMetricsCallback FLServerStarterConfiger
    FeatureElection FeatureElectionController FeatureElectionExecutor FedAdminServer FedAvg FedAvgLR
    FedCEModelAggregator FedEventRunner FedJsonConfigurator FedOpt FedXGBEvalExecutor FedXGBHistogramExecutor
    FedXGBTreeExecutor FederatedClientBase FederatedServer FilePSIWriter FileRetriever Filter FlareAgent
    FlareAgentWithCellPipe FlareAgentWithFLModel FlowerClientApplet FlowerClientConnector FlowerController
    FlowerExecutor FlowerServerApplet FlowerServerConnector Formatter FullModelShareableGenerator GPUAuthorizer
    GPUResourceManager GTADAMExecutor GTExecutor Gatherer GetErrorsCommand GetRunInfoCommand GlobalEvaluator
    GlobalModelEval GlobalWeightsInitializer Group GroupCallContext GrpcClient GrpcClientAdaptor GrpcClientConnector
    GrpcServer GrpcServerAdaptor GrpcServerConnector HECrossSiteModelEval HEInTimeAccumulateWeightedAggregator
    HEModelDecryptor HEModelEncryptor HEModelSerializeFilter HEModelShareableGenerator HEPTModelReaderWriter
    HandleDeadJobCommand HeartbeatCommand HierarchicalStatisticsController HierarchicalUpdateGatherer
    HistogramBinsCleanser Hot2ColdState HotState HubAppDeployer HubController HubExecutor IPCAgent IPCExchanger
    InProcessBackend InProcessClientAPI InProcessClientAPIExecutor InTimeAccumulateWeightedAggregator InfoCollector
    InfoCollectorCommandModule InitFinalArgsComponent InitFinalComponent InitializeGlobalWeights
    IntimeModelSelectionHandler IntimeModelSelector JobCellMessenger JobCommandModule JobDefManagerSpec JobExecutor
    JobLauncherSpec JobMetaValidator JobMetricsCollector JobRunner JobStatsReporter JoblibModelParamPersistor
    JsonConfigLoader JsonConfigurator JsonFormatter JsonScanner JsonStatsFileWriter K8sJobHandle K8sJobLauncher
    KMeansAssembler KerasModelToNumpyParamsConverter LRModelPersistor Launcher LauncherExecutor LazyAggregator
    LearnablePersistor Learner LearnerExecutor ListModelLocator ListResourceManager LogReceiver LogWriter
    LoggerNameFilter LoginModule MLflowReceiver MLflowWriter MetricRelay MetricsArtifactWriter MetricsCollector
    MetricsSender MinCountCleanser MockClientApplet MockClientPyApplet MockClientRunner MockController MockExecutor
    MockPyExecutor MockSecureClientRunner MockSecureXGBExecutor MockServerApplet MockXGBController MockXGBExecutor
    ModelAggregator ModelController ModelDequantizer ModelLearner ModelLearnerExecutor ModelLocator ModelManager
    ModelPersistor ModelQuantizer ModelUpdateAssessor ModelUpdateDXOAggregator ModuleScanner MultiProcessExecutor
    NPFileModelPersistor NPFormatter NPModelLocator NPModelPersistor NPTrainer NPValidator NumAssessor
    NumDXOAggregator NumDevice NumProcessor NumpyArrayDecomposer NumpyToKerasModelParamsConverter
    NumpyToPTParamsConverter ObjectRetriever PSI PSIController PSIExecutor PSIWorkflow PSIWriter
    PTClientAPILauncherExecutor PTFedAvg PTFedOptModelShareableGenerator PTFileModelLocator PTFileModelPersistor
    PTInProcessClientAPIExecutor PTModelReaderWriter PTMultiProcessExecutor PTReceiveParamsConverter
    PTSendParamsConverter PTToNumpyParamsConverter PTTrainer ParamsConverter PassthroughResourceManager
    PassthroughShareableGenerator PercentilePrivacy PersistorFilter PrivacyConfiger ProcessAdapter
    ProcessJobLauncher ProcessManager Proxy PyApplet Query QueryHandler RelayOperator RemoteMetricsReceiver
    ResetErrorsCommand ResponseProcessor RestoreState ResultWaiter Runner SGAPAssessor SKLearnExecutor SNPAuthorizer
    SVMAssembler SVTPrivacy Scaffold ScatterAndGather ScatterAndGatherForEdge ScatterAndGatherScaffold
    SecurityHandler SendTaskManager SequentialRelayTaskManager ServerApp ServerAppRunner ServerDeployer
    ServerDockerJobLauncher ServerEngine ServerEventRecorder ServerFedEventRunner ServerJsonConfigurator
    ServerK8sJobLauncher ServerProcessJobLauncher ServerRunner ServerSecurityHandler ServerSideController
    ServerSlurmJobLauncher ServerState ServerStateCommand SessionManager ShareableGenerator ShowErrorsCommand
    ShowStatsCommand ShutdownState SimpleEdgeExecutor SimpleIntimeModelSelector SimpleJobDefManager
    SimpleModelShareableGenerator SimulatedDevice SimulationRunner Simulator SimulatorClientAppRunner
    SimulatorClientRunManager SimulatorClientRunner SimulatorDeployer SimulatorParentClientEngine SimulatorRunner
    SimulatorServer SimulatorServerAppRunner SimulatorServerEngine SiteLogStreamer SiteSecurity SlurmJobHandle
    SlurmJobLauncher SlurmJobManager SplitNNController SplitNNLearnerExecutor Statistics StatisticsController
    StatisticsExecutor StatisticsPrivacyFilter StatisticsTaskHandler StatisticsWriter StatsDReporter StatsKeeper
    SubWorkerExecutor SubprocessLauncher SwarmClientController SwarmLearningRecipe SwarmServerController
    SyncAlgorithmExecutor SysMetricsCollector TBAnalyticsReceiver TBI TBWriter TFClientAPILauncherExecutor
    TFFileModelLocator TFInProcessClientAPIExecutor TFModelPersistor TFValidator TPDeviceFactory TPODeviceFactory
    TPORunner TPRunner TaskController TaskExchanger TaskHandler TaskManager TaskProcessingDevice TaskScriptRunner
    TensorBoardEventWriter TensorClientStreamer TensorConsumer TensorDecomposer TensorProducer TensorReceiver
    TensorSender TensorServerStreamer TestQueryHandler TieController TieExecutor TimeoutAssessor TokenVerifier
    TrainingCommandModule TupleAggregator Updater ValidationJsonGenerator ViaDownloaderDecomposer WFCommClient
    WandBReceiver WandBWriter Widget Workspace WorkspaceTransferManager XGBBaggingAggregator XGBClientAdaptor
    XGBClientRunner XGBController XGBEvalRunner XGBExecutor XGBFedController XGBModelPersistor
    XGBModelShareableGenerator XGBServerAdaptor _AlgorithmHandlerManager _AttachProtocolGuard _ChunkProducer
    _ConsumerInfo _EntryConsumer _EntryProducer _HFTaskState _InvocationDispatcher _LogChunkConsumer
    _LogTailProducer _RunnerStarter _SingleTargetCallContext _SlurmCliAdapter _TrainerSession
    client_api_launcher_executor components_utils filesystem_storage fl_conf fl_context_utils fobs
    job_launcher_utils job_meta_validator lazy_tensor_dict log_utils mem_utils memory_utils model_protocol
    process_utils quantile_stats routing_proxy run_device_simulator site_security sub_worker_process
    workspace_cell_transfer
"""

TRANSPORT_LOGGERS = frozenset(_TRANSPORT.split())
"""Loggers of connections, messages and processes: their records tell nothing about training unless they warn."""

FLARE_LOGGERS = TRANSPORT_LOGGERS | frozenset(_OTHERS.split())
"""All loggers of FLARE."""
