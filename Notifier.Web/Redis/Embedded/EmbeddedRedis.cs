#if EMBEDDED_REDIS
using System.Net;
using System.Net.Sockets;
using Garnet;
using Garnet.server;
using Notifier.Configuration;

namespace Notifier.Redis.Embedded;

/// <summary>
/// A Redis inside this process (Microsoft.Garnet), for trying Notifier out and for a small site. It is small, keeps its data in memory, listens on loopback
/// only, and logs through Notifier's logger factory.
/// </summary>
internal sealed class EmbeddedRedis : IDisposable
{
    /// <summary>Far above what Notifier's own scripts take, so that a script with an endless loop ends.</summary>
    private static readonly TimeSpan ScriptTimeout = TimeSpan.FromSeconds(3);

    /// <summary>For each script that runs: enough for a payload of the largest allowed size, and for its copies.</summary>
    private const string ScriptMemory = "256m";

    private readonly GarnetServer server;
    private readonly GarnetLoggers loggers;

    private EmbeddedRedis(GarnetServer server, GarnetLoggers loggers)
    {
        this.server = server;
        this.loggers = loggers;
    }

    /// <param name="port">The port on the loopback interface.</param>
    /// <param name="hasScripts">Whether clients may run Lua, which durable history needs.</param>
    /// <param name="loggers">Notifier's own.</param>
    /// <exception cref="StartupException">Garnet cannot listen on that port.</exception>
    public static EmbeddedRedis Start(int port, bool hasScripts, ILoggerFactory loggers)
    {
        var quiet = new GarnetLoggers(loggers);
        var endpoint = new IPEndPoint(IPAddress.Loopback, port);
        var options = new GarnetServerOptions(quiet.CreateLogger("Options"))
        {
            EndPoints = [endpoint],
            // It mostly passes messages on, so a few megabytes of memory and no disk are enough.
            LogMemorySize = "16m",
            PageSize = "1m",
            IndexMemorySize = "1m",
            EnableLua = hasScripts,
            LuaTransactionMode = true,      // scripts run in isolation
            // Only the tracked memory has a limit.
            LuaOptions = new LuaOptions(LuaMemoryManagementMode.Tracked, ScriptMemory, ScriptTimeout, LuaLoggingMode.Silent, [], quiet.CreateLogger("Lua")),
            QuietMode = true,
        };
        try
        {
            var server = new GarnetServer(options, quiet, [new RespServer(endpoint, quiet.CreateLogger("Server"))]);
            server.Start();
            return new EmbeddedRedis(server, quiet);
        }
        catch (Exception error) when (error is SocketException or IOException or Garnet.common.GarnetException)
        {
            throw new StartupException(
                $"The embedded Redis could not start at 127.0.0.1:{port}: {error.Message} Set Redis:EmbeddedPort to a free port.");
        }
    }

    public void Dispose()
    {
        loggers.IsStopping = true;
        server.Dispose();
    }

    /// <summary>
    /// Puts Garnet's many log categories under one name, so that one line of configuration sets their level. Two errors are logged at Debug, not as
    /// critical: a client that disconnects in the middle of a reply, and whatever happens while the server stops. Garnet clears the buffer of a session that
    /// still reads a command, and then reports the zeros as invalid RESP.
    /// </summary>
    private sealed class GarnetLoggers(ILoggerFactory inner) : ILoggerFactory
    {
        private volatile bool isStopping;

        public bool IsStopping
        {
            get => isStopping;
            set => isStopping = value;
        }

        public ILogger CreateLogger(string categoryName) => new QuietLogger(this, inner.CreateLogger("Garnet." + categoryName));

        public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

        public void Dispose()
        {
            // The host owns the inner factory.
        }

        private sealed class QuietLogger(GarnetLoggers loggers, ILogger logger) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state) where TState : notnull => logger.BeginScope(state);

            public bool IsEnabled(LogLevel logLevel) => logger.IsEnabled(logLevel);

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
                logger.Log(
                    loggers.IsStopping || exception is ObjectDisposedException or SocketException ? LogLevel.Debug : logLevel, eventId, state, exception, formatter);
        }
    }
}
#else
using Notifier.Configuration;

namespace Notifier.Redis.Embedded;

/// <summary>Replaces the embedded Redis in a build without it (<c>-p:EmbeddedRedis=false</c>).</summary>
internal sealed class EmbeddedRedis : IDisposable
{
    /// <param name="port">The port on the loopback interface.</param>
    /// <param name="hasScripts">Not used.</param>
    /// <param name="loggers">Not used.</param>
    /// <exception cref="StartupException">Always.</exception>
    public static EmbeddedRedis Start(int port, bool hasScripts, ILoggerFactory loggers)
    {
        _ = (hasScripts, loggers);
        throw new StartupException(
            $"No Redis answers at 127.0.0.1:{port}, and this build has no embedded one. Start a Redis there, or set Redis:Configuration.");
    }

    public void Dispose()
    {
    }
}
#endif
