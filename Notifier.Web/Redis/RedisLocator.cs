using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Redis.Embedded;

namespace Notifier.Redis;

/// <summary>What other parts of Notifier need of the embedded Redis.</summary>
internal sealed class EmbeddedRedisNeeds
{
    /// <summary>Whether Notifier runs scripts in Redis. Otherwise the embedded Redis runs no scripts at all.</summary>
    public bool Scripts { get; set; }
}

/// <summary>Decides which Redis to use, and starts the embedded one if there is no other.</summary>
internal sealed class RedisLocator(
    IOptions<RedisOptions> options, IOptions<EmbeddedRedisNeeds> needs, IConfiguration configuration, IHostEnvironment environment, ILoggerFactory loggers) : IDisposable
{
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(2);

    private EmbeddedRedis? embedded;

    private enum Answer
    {
        None,
        Redis,
        WantsPassword,
        SomethingElse,
    }

    /// <exception cref="StartupException">There is no Redis. The message says what to set.</exception>
    public async Task<RedisLocation> LocateAsync(CancellationToken stopping)
    {
        var redis = options.Value;
        if (RedisLocation.Configured(redis, configuration) is { } configured)
            return configured;
        if (!environment.IsDevelopment() && !redis.Embedded)
            throw new StartupException(
                "Redis:Configuration is empty, and so is the environment variable REDIS_URL. Set one of them to the URL of a Redis, for example "
                + "REDIS_URL=rediss://default:password@redis.example.com:6379, or to a host, for example Redis__Configuration=localhost:6379; "
                + "or set Redis:Embedded=true to run a small Redis inside this process.");

        var port = redis.EmbeddedPort;
        var address = $"127.0.0.1:{port}";
        switch (await PingAsync(port, stopping))
        {
            case not Answer.None when !environment.IsDevelopment():
                // The program that listens there would receive everything, and could publish.
                throw new StartupException(
                    $"Another server already listens at {address}, where the embedded Redis should (Redis:Embedded). If it is your Redis, set "
                    + $"Redis:Configuration={address}; otherwise set Redis:EmbeddedPort to a free port.");
            case Answer.Redis:
                return new RedisLocation(RedisConnectionString.Parse(address), address, address);
            case Answer.WantsPassword:
                throw new StartupException(
                    $"The Redis at {address} requires a password. Set Redis:Configuration, for example "
                    + $"Redis__Configuration={address},password=..., or another Redis:EmbeddedPort.");
            case Answer.SomethingElse:
                throw new StartupException(
                    $"The server at {address} is not a Redis. Set Redis:Configuration to yours, or Redis:EmbeddedPort to a free port.");
            default:
                embedded = EmbeddedRedis.Start(port, needs.Value.Scripts, loggers);
                return new RedisLocation(
                    RedisConnectionString.Parse(address),
                    $"embedded, {address}",
                    address)
                {
                    IsEmbedded = true,
                };
        }
    }

    public void Dispose() => embedded?.Dispose();

    private static async Task<Answer> PingAsync(int port, CancellationToken stopping)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        limit.CancelAfter(AnswerTimeout);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port, limit.Token);
        }
        catch (SocketException)
        {
            return Answer.None;
        }
        try
        {
            await socket.SendAsync("*1\r\n$4\r\nPING\r\n"u8.ToArray(), limit.Token);
            var answer = new byte[64];
            var length = await socket.ReceiveAsync(answer, limit.Token);
            return Encoding.ASCII.GetString(answer, 0, length) switch
            {
                ['+', 'P', 'O', 'N', 'G', ..] => Answer.Redis,
                // NOAUTH: a password is required. DENIED: protected mode.
                ['-', 'N', 'O', 'A', 'U', 'T', 'H', ..] or ['-', 'D', 'E', 'N', 'I', 'E', 'D', ..] => Answer.WantsPassword,
                // A Redis that cannot serve yet.
                ['-', 'L', 'O', 'A', 'D', 'I', 'N', 'G', ..] => Answer.Redis,
                _ => Answer.SomethingElse,
            };
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException && !stopping.IsCancellationRequested)
        {
            return Answer.SomethingElse;
        }
    }
}
