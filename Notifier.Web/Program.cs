using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Access.Callback;
using Notifier.Access.Origins;
using Notifier.Access.Tokens;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Endpoints.Http;
using Notifier.Endpoints.Sessions;
using Notifier.History;
using Notifier.History.Durable;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Operations;
using Notifier.Redis;
using Notifier.Redis.Receiver;

try
{
    await Server.Build(args).RunAsync();
    return 0;
}
catch (Exception error) when (StartupFailure.Describe(error) is { } failure)
{
    await Console.Error.WriteLineAsync($"Notifier cannot start. {failure}");
    return 1;
}

/// <summary>A table of contents: what is registered, what is mapped.</summary>
internal static class Server
{
    private const string DevelopmentAddress = "http://localhost:8081";
    private const string ProductionAddress = "http://*:8081";

    /// <summary>A browser asks whether its copy of a file is still the one, so that a new version is seen at once.</summary>
    private static readonly StaticFileOptions AskEachTime = new()
    {
        OnPrepareResponse = static file => file.Context.Response.Headers.CacheControl = "no-cache",
    };

    /// <param name="args">Configuration, such as <c>--Redis:Configuration=localhost:6379</c>.</param>
    /// <param name="adapt">Tests put a clock or a log of theirs in place here.</param>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? adapt = null)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            Args = args,
            // appsettings.json and the page lie beside the program, wherever it is started from.
            ContentRootPath = AppContext.BaseDirectory,
            WebRootPath = "wwwroot-demo",
        });
        builder.AddLogFormat();
        SecretFiles.Read(builder.Configuration);
        Listen(builder);
        Configure(builder);
        Register(builder.Services);
        builder.AddReadiness();
        builder.AddTelemetry();
        adapt?.Invoke(builder);

        var app = builder.Build();
        app.Services.GetRequiredService<IStartupValidator>().Validate();    // all of it, before Map asks for some of it
        app.BeginTelemetry();
        KestrelSetup.Limit(app.Services);
        Map(app);
        return app;
    }

    private static void Listen(WebApplicationBuilder builder)
    {
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(KestrelSetup.ForFrames);
        builder.WebHost.UseSockets(KestrelSetup.ForFrames);
        // In appsettings.json this would beat ASPNETCORE_URLS.
        var configuration = builder.Configuration;
        if (configuration["urls"] is null && configuration["http_ports"] is null && configuration["https_ports"] is null
            && !configuration.GetSection("Kestrel:Endpoints").Exists())
            builder.WebHost.UseUrls(builder.Environment.IsDevelopment() ? DevelopmentAddress : ProductionAddress);
        builder.Services.AddOptions<HostOptions>().Configure<IOptions<OperationsOptions>, IHostEnvironment>(static (host, operations, environment) =>
            host.ShutdownTimeout = Shutdown.PeriodOf(operations.Value, environment) + Shutdown.Limit);
    }

    private static void Configure(WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<AccessOptions>().BindConfiguration("Access").ValidateOnStart();
        builder.Services.AddOptions<ProxyOptions>().BindConfiguration("ForwardedHeaders").ValidateOnStart();
        builder.Services.AddOptions<LimitsOptions>().BindConfiguration("Limits").ValidateOnStart();
        builder.Services.AddOptions<RedisOptions>().BindConfiguration("Redis").ValidateOnStart();
        builder.Services.AddOptions<RecentOptions>().BindConfiguration("History:Recent").ValidateOnStart();
        builder.Services.AddOptions<DurableOptions>().BindConfiguration("History:Durable").ValidateOnStart();
        builder.Services.AddOptions<SubscriptionsOptions>().BindConfiguration("Subscriptions").ValidateOnStart();
        builder.Services.AddOptions<OperationsOptions>().BindConfiguration("Operations").ValidateOnStart();
        // The host tells of a failed start with a stack trace; see StartupFailure. What ends the process later is critical.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        builder.Logging.AddSecrecy();
        builder.Services.AddSingleton<IValidateOptions<AccessOptions>, AccessValidator>();
        builder.Services.AddSingleton<IValidateOptions<ProxyOptions>, ProxyValidator>();
        builder.Services.AddSingleton<IValidateOptions<LimitsOptions>, LimitsValidator>();
        builder.Services.AddSingleton<IValidateOptions<RedisOptions>, RedisValidator>();
        builder.Services.AddSingleton<IValidateOptions<RecentOptions>, RecentValidator>();
        builder.Services.AddSingleton<IValidateOptions<DurableOptions>, DurableValidator>();
        builder.Services.AddSingleton<IValidateOptions<SubscriptionsOptions>, SubscriptionsValidator>();
        builder.Services.AddSingleton<IValidateOptions<OperationsOptions>, OperationsValidator>();
    }

    private static void Register(IServiceCollection services)
    {
        services.AddSingleton(TimeProvider.System);
        services.AddMetrics();

        services.AddSingleton<NameRules>();
        services.AddSingleton<OriginRules>();
        services.AddSingleton<AnonymousAccess>();
        services.AddSingleton<IConfigureOptions<JwtBearerOptions>, JwtBearerSetup>();
        services.AddSingleton<IPostConfigureOptions<JwtBearerOptions>, JwtBearerPostConfigureOptions>();
        services.AddSingleton<RecentDisconnections>();
        services.AddSingleton<TokenAuthentication>();
        services.AddSingleton<ApiKeys>();
        services.AddSingleton<CallbackAuthentication>();
        services.AddSingleton<Authenticator>();
        services.AddSingleton<IPostConfigureOptions<ForwardedHeadersOptions>, KnownProxies>();

        services.AddSingleton<RedisLocator>();
        services.AddSingleton<RedisNames>();
        services.AddSingleton<SubscribedNames>();
        services.AddSingleton(static provider => new DeliveryHelpers(provider.GetRequiredService<IOptions<RedisOptions>>().Value.DeliveryThreads));
        services.AddSingleton<RedisMetrics>();
        services.AddSingleton<RedisBackplane>();
        services.AddHostedService(provider => provider.GetRequiredService<RedisBackplane>());

        services.AddSingleton<RedisSubscriptions>();
        services.AddSingleton<RedisProbe>();
        services.AddHostedService(provider => provider.GetRequiredService<RedisProbe>());

        services.AddSingleton<RedisPublisher>();
        services.AddSingleton<DurableChannels>();
        services.AddSingleton<Journal>();
        services.AddSingleton<HistoryMetrics>();
        services.AddSingleton<Publisher>();

        services.AddSingleton<Admission>();
        services.AddSingleton<ConnectionRegistry>();
        services.AddSingleton<ConnectionMetrics>();
        services.AddHostedService<Liveness>();

        services.AddSingleton<HubMetrics>();
        services.AddSingleton<Covers>();
        services.AddSingleton<JournalReader>();
        services.AddSingleton<SubscriptionContext>();
        services.AddSingleton<SubscriptionHub>();
        services.AddHostedService<HubSweep>();

        services.AddSingleton<WebSocketEndpoint>();
        services.AddSingleton<EventsEndpoint>();
        services.AddSingleton<PublishEndpoint>();
        services.AddSingleton<HistoryEndpoint>();
        services.AddSingleton<StatsEndpoint>();
        services.AddSingleton<ClientScripts>();
        services.AddHostedService<DisconnectListener>();
        services.AddOpenApi(ApiDescription.Configure);
        services.ConfigureHttpJsonOptions(http => http.SerializerOptions.TypeInfoResolverChain.Insert(0, PublishJson.Default));
        services.ConfigureHttpJsonOptions(http => http.SerializerOptions.TypeInfoResolverChain.Add(DisconnectJson.Default));
        services.ConfigureHttpJsonOptions(http => http.SerializerOptions.TypeInfoResolverChain.Add(HistoryJson.Default));
        services.ConfigureHttpJsonOptions(http => http.SerializerOptions.TypeInfoResolverChain.Add(StatsJson.Default));
        services.ConfigureHttpJsonOptions(http => http.SerializerOptions.TypeInfoResolverChain.Add(ApiJson.Default));

        services.AddHostedService<Shutdown>();
        services.AddHostedService<StartupReport>();
        services.AddSingleton<StartupWarnings>();
        services.AddHostedService(provider => provider.GetRequiredService<StartupWarnings>());
    }

    private static void Map(WebApplication app)
    {
        app.UseSecurityHeaders();
        if (app.Services.GetRequiredService<IOptions<ProxyOptions>>().Value.IsConfigured)
            app.UseForwardedHeaders();
        var warnings = app.Services.GetRequiredService<StartupWarnings>();
        var time = app.Services.GetRequiredService<TimeProvider>();
        var connectionLog = app.Services.GetRequiredService<ILogger<Connection>>();
        app.Use((context, next) =>
        {
            warnings.CheckRequest(context.Request);
            WebSocketUpgrade.Intercept(context, time, connectionLog);
            return next(context);
        });
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.Zero });     // see Liveness
        app.UseClientScripts();
        app.UseWhen(context => !context.WebSockets.IsWebSocketRequest, page => page.UseDefaultFiles().UseStaticFiles(AskEachTime));
        app.UseRouting();

        var sockets = app.Services.GetRequiredService<WebSocketEndpoint>();
        app.Map("/", sockets.HandleAsync);
        app.Map("/ws", sockets.HandleAsync);
        app.MapEvents();
        app.MapPublish();
        app.MapHistory();
        app.MapClientSnippets();
        app.MapDisconnect();
        app.MapStats();
        app.MapMetrics();
        app.MapOpenApi();
        app.MapHealth();
    }
}
