using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using Notifier.Redis.Receiver;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>The connection to Redis, with a peer on loopback.</summary>
public sealed class RedisSocketTests : IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private RedisSocket socket = null!;
    private Socket peer = null!;

    public async Task InitializeAsync()
    {
        listener.Start();
        var accepting = listener.AcceptSocketAsync();
        socket = await RedisSocket.ConnectAsync(listener.LocalEndpoint, Long, static _ => { }, static _ => null);
        peer = await accepting;
        peer.NoDelay = true;
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose()
    {
        socket.Dispose();
        peer.Dispose();
        listener.Dispose();
    }

    [Fact]
    public async Task The_socket_waits_until_the_requested_number_of_bytes_has_arrived()
    {
        peer.Send(new byte[10]);
        var waiting = Task.Run(() => socket.WaitFor(20, Long));
        peer.Send(new byte[10]);

        await waiting.WaitAsync(Eventually.Limit);

        socket.Poll(new byte[100]).Should().Be(20, "the call waited for the second half too");
    }

    [Fact]
    public void The_socket_stops_waiting_at_its_time_limit_and_a_single_byte_can_be_received_afterwards()
    {
        peer.Send(new byte[1]);

        socket.WaitFor(20, TimeSpan.FromMilliseconds(1));

        socket.Receive(new byte[100]).Should().Be(1);
    }

    [Fact]
    public async Task The_socket_stops_waiting_when_the_peer_ends_the_stream()
    {
        peer.Send(new byte[1]);
        var waiting = Task.Run(() => socket.WaitFor(20, Long));
        peer.Shutdown(SocketShutdown.Send);
        await waiting.WaitAsync(Eventually.Limit);

        socket.Receive(new byte[100]).Should().Be(1);
        socket.Receive(new byte[100]).Should().Be(0);
    }

    [Fact]
    public void The_socket_does_not_wait_after_it_was_closed()
    {
        socket.Close();

        socket.WaitFor(20, Long);
        socket.Poll(new byte[100]).Should().Be(0);
    }
}
