using System.Net;
using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Redis;

/// <summary>
/// A Redis that answers every command with an error causes one clear line in the log and a failed readiness check, but neither a flood of
/// lines nor a crash.
/// </summary>
public sealed class RefusingRedisTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user.")]
    [InlineData("-LOADING Redis is loading the dataset in memory")]
    [InlineData("-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.")]
    [InlineData("-READONLY You can't write against a read only replica.")]
    [InlineData("-NOAUTH Authentication required.", "check the user and the password")]
    [InlineData("-WRONGPASS invalid username-password pair or user is disabled.")]
    [InlineData("-MOVED 3999 127.0.0.1:1")]                              // where nobody is
    [InlineData("-MOVED 3999 SELF", "Redis does not answer")]           // the library connects anew, and keeps why to itself
    public async Task The_error_of_a_redis_that_rejects_every_command_is_logged_once(string error, string? instead = null)
    {
        using var redis = new RefusingRedis(error);
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SendAsync("""{"type":"subscribe","channel":"refused"}""");

        await Eventually.IsAsync(() => redis.Commands > 50, "Notifier keeps trying", TimeSpan.FromSeconds(60));

        var reason = instead ?? error[1..error.IndexOf(' ', StringComparison.Ordinal)];
        await Eventually.IsAsync(() => app.Log.Lines.Any(line => line.Level >= LogLevel.Warning && line.Text.Contains(reason, StringComparison.Ordinal)), "Notifier logs it");
        using var http = new HttpClient();
        ((int)(await http.GetAsync(new Uri(app.Address, "/healthz/ready"))).StatusCode).Should().Be(503);
        // On a busy machine an attempt may end before the error has come. That is one more line, which names the server.
        var told = app.Log.Lines.Where(static line =>
            line.Level >= LogLevel.Warning && line.Text.Contains("Redis", StringComparison.Ordinal) && !line.Text.Contains(": no answer)", StringComparison.Ordinal)).ToList();
        output.WriteLine(string.Join('\n', app.Log.Lines));
        app.Log.Lines.Count(static line => line.Text.Contains(": no answer)", StringComparison.Ordinal)).Should().BeLessThan(2);
        told.Count.Should().BeInRange(1, 2, "one line says that Redis is away, and one says why");
        told.Should().ContainSingle(line => line.Text.Contains(reason, StringComparison.Ordinal), "this line is what an operator needs");
        (await client.AskAsync("""{"type":"ping"}""")).Bare().Should().Be("""{"type":"pong"}""");
    }

    private sealed class RefusingRedis : IDisposable
    {
        private readonly TcpListener listener = new(IPAddress.Loopback, 0);
        private readonly byte[] answer;
        private int commands;

        public RefusingRedis(string error)
        {
            listener.Start();
            answer = Encoding.ASCII.GetBytes(error.Replace("SELF", Configuration, StringComparison.Ordinal) + "\r\n");
            _ = AcceptAsync();
        }

        public string Configuration => $"127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";

        public int Commands => Volatile.Read(ref commands);

        public void Dispose() => listener.Stop();

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                    _ = AnswerAsync(await listener.AcceptSocketAsync());
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // The test has ended.
            }
        }

        private async Task AnswerAsync(Socket client)
        {
            var buffer = new byte[4096];
            try
            {
                int length;
                while ((length = await client.ReceiveAsync(buffer.AsMemory())) > 0)
                {
                    // Each command is a RESP array.
                    for (var n = buffer.AsSpan(0, length).Count((byte)'*'); n > 0; n--)
                    {
                        Interlocked.Increment(ref commands);
                        await client.SendAsync(answer.AsMemory());
                    }
                }
            }
            catch (SocketException)
            {
                // Notifier has disconnected.
            }
            client.Dispose();
        }
    }
}
