using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Configuration;
using Notifier.Endpoints.Http;
using Notifier.Hub;
using Notifier.Names;
using Notifier.Redis;

namespace Notifier.Operations;

/// <summary>Writes the first lines of the log: the version, which Redis is used, the address of the page, and one command to try.</summary>
internal sealed partial class StartupReport(
    RedisBackplane backplane, RedisNames names, AnonymousAccess anonymous, IOptions<AccessOptions> access,
    IOptions<SubscriptionsOptions> subscriptions, IOptions<DemoOptions> demo, IServer server, ILoggerFactory loggers) : IHostedLifecycleService
{
    /// <summary>A short category, because these are the first lines that a new user reads.</summary>
    private readonly ILogger logger = loggers.CreateLogger("Notifier");

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        var addresses = server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [];
        if (access.Value.OperatorPort is { } port)
            CheckOperatorPort(port, [.. addresses.Select(static address => BindingAddress.Parse(address).Port).Distinct()]);
        Log.Version(logger, ProductVersion.Text);
        var redis = backplane.Location!;
        Log.Redis(logger, redis.Description);
        if (redis.Options.DefaultDatabase is { } database and not 0)
            Log.Database(logger, redis.Setting, database);
        foreach (var address in addresses)
            Log.Address(logger, demo.Value.Enabled ? "Page" : "Address", Browsable(address));
        if (RedisCommand.Publish(redis, names, "notifications.new-user", "Mathias signed up") is { } command)
            Log.Try(logger, command);
        ReportAccess();
        return Task.CompletedTask;
    }

    /// <summary>Checked only now, because the ports can be configured in several ways, and are known once the server listens.</summary>
    private static void CheckOperatorPort(int port, int[] ports)
    {
        var error = !ports.Contains(port) ? "but the server does not listen there" : ports.Length == 1 ? "the only port that the server listens on" : null;
        if (error is not null)
        {
            throw new StartupException(
                $"Access:OperatorPort is {port}, {error}; make the server listen on one port for clients and on another for operators, for example with "
                + $"urls=http://*:8081;http://127.0.0.1:9081 and Access:OperatorPort=9081.");
        }
    }

    private void ReportAccess()
    {
        if (anonymous.IsOpenByDefault)
            Log.Open(logger);
        else if (anonymous.SubscribeGrant.IsEmpty && !anonymous.CanAuthenticate)
            Log.Closed(logger);
        foreach (var name in subscriptions.Value.Default.Where(name => !anonymous.CanAuthenticate && anonymous.SubscribeGrant.Check(Name.Parse(name)) is not null))
            Log.Skipped(logger, name);
    }

    /// <summary>An address to click on: for a server that listens on all interfaces, localhost.</summary>
    private static string Browsable(string address)
    {
        var binding = BindingAddress.Parse(address);
        var host = binding.Host is "*" or "+" or "0.0.0.0" or "[::]" ? "localhost" : binding.Host;
        return $"{binding.Scheme}://{host}:{binding.Port}/";
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static partial class Log
    {
        [LoggerMessage(2, LogLevel.Information, "Notifier {Version}")]
        public static partial void Version(ILogger logger, string version);

        [LoggerMessage(3, LogLevel.Information, "Redis: {Redis}")]
        public static partial void Redis(ILogger logger, string redis);

        [LoggerMessage(18, LogLevel.Information,
            "{Setting} has database {Database}: durable history is stored there. Pub/Sub knows no databases, so Notifier also receives what clients of other databases publish.")]
        public static partial void Database(ILogger logger, string setting, int database);

        [LoggerMessage(4, LogLevel.Information, "{Kind}: {Address}")]
        public static partial void Address(ILogger logger, string kind, string address);

        [LoggerMessage(5, LogLevel.Information, "Try: {Command}")]
        public static partial void Try(ILogger logger, string command);

        [LoggerMessage(6, LogLevel.Warning,
            "All clients of this machine may subscribe to everything, because this is Development. In Production nothing is open until Access:Anonymous:Subscribe is set.")]
        public static partial void Open(ILogger logger);

        [LoggerMessage(7, LogLevel.Warning,
            "No client may subscribe to anything: set Access:Anonymous:Subscribe, for example Access__Anonymous__Subscribe__0=notifications.*")]
        public static partial void Closed(ILogger logger);

        [LoggerMessage(8, LogLevel.Warning,
            "Clients are not subscribed to {Name} of Subscriptions:Default, because Access:Anonymous:Subscribe does not allow it.")]
        public static partial void Skipped(ILogger logger, string name);
    }
}
