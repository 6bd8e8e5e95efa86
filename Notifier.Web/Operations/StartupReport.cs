using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Notifier.Messages;
using Notifier.Redis;

namespace Notifier.Operations;

/// <summary>The first lines of the log: which Redis is used, where the page is, and one command to try.</summary>
internal sealed partial class StartupReport(
    RedisBackplane backplane, RedisNames names, IServer server, IHostEnvironment environment, ILoggerFactory loggers)
    : IHostedLifecycleService
{
    /// <summary>A plain name, for these are the lines that a newcomer reads.</summary>
    private readonly ILogger logger = loggers.CreateLogger("Notifier");

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        var redis = backplane.Location!;
        Log.Redis(logger, redis.Description);
        foreach (var address in server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [])
            Log.Page(logger, Browsable(address));
        var channel = (string)names.ToRedis(Name.Channel("notifications.new-user"))!;
        Log.Try(logger, $"redis-cli {redis.CliArguments}publish {ForShell(channel)} \"Mathias signed up\"");
        if (!environment.IsDevelopment())
            Log.Open(logger);
        return Task.CompletedTask;
    }

    private static string ForShell(string word) =>
        word.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or ':')
            ? word
            : $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    /// <summary>An address to click on: every interface includes this one.</summary>
    private static string Browsable(string address)
    {
        var binding = Microsoft.AspNetCore.Http.BindingAddress.Parse(address);
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
        [LoggerMessage(1, LogLevel.Information, "Redis: {Redis}")]
        public static partial void Redis(ILogger logger, string redis);

        [LoggerMessage(2, LogLevel.Information, "Page: {Address}")]
        public static partial void Page(ILogger logger, string address);

        [LoggerMessage(3, LogLevel.Information, "Try: {Command}")]
        public static partial void Try(ILogger logger, string command);

        [LoggerMessage(4, LogLevel.Warning, "Whoever reaches this server may subscribe to every channel: there is no access control yet.")]
        public static partial void Open(ILogger logger);
    }
}
