using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Connections;

/// <summary>The behaviour of Kestrel's upgraded streams that the stream transport relies on and that no documentation guarantees.</summary>
public sealed class UpgradeStreamTests
{
    private const int Frames = 64;
    private const int FrameLength = 64 * 1024;

    /// <summary>
    /// Completes when the write call has returned, the write is still incomplete, and the test has overwritten its buffer.
    /// </summary>
    private readonly TaskCompletionSource overwritten = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Theory]
    [InlineData("http")]
    [InlineData("https")]
    public async Task A_write_has_copied_its_bytes_when_it_returns(string scheme)
    {
        await using var server = await ServeAsync();
        await using var client = await RawWebSocket.ConnectAsync(Address(server, scheme), receiveBuffer: 4096);
        await overwritten.Task.WaitAsync(Eventually.Limit);

        for (var n = 0; n < Frames; n++)
            (await client.ReadMessageAsync()).Payload.Should().HaveCount(FrameLength - 4).And.OnlyContain(b => b == n);
    }

    [Fact]
    public async Task An_http2_write_has_copied_its_bytes_when_it_returns()
    {
        await using var server = await ServeAsync();
        using var http2 = new Http2Client();
        using var client = await http2.ConnectAsync(Address(server, "https"));
        await overwritten.Task.WaitAsync(Eventually.Limit);

        for (var n = 0; n < Frames; n++)
            (await client.ReadMessageAsync()).Payload.Should().HaveCount(FrameLength - 4).And.OnlyContain(b => b == n);
    }

    private async Task<WebApplication> ServeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.UseSockets(static transport => KestrelSetup.Configure(transport, Options.Create(new LimitsOptions())));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            KestrelSetup.Configure(kestrel);
            kestrel.Listen(System.Net.IPAddress.Loopback, 0);
            kestrel.Listen(System.Net.IPAddress.Loopback, 0, endpoint => endpoint.UseHttps(NotifierApp.Certificate.Value));
        });
        var app = builder.Build();
        app.Run(async context =>
        {
            var connect = context.Features.Get<IHttpExtendedConnectFeature>();
            await WriteAndOverwriteAsync(connect is { IsExtendedConnect: true }
                ? await connect.AcceptAsync()
                : await context.Features.Get<IHttpUpgradeFeature>()!.UpgradeAsync());
        });
        await app.StartAsync();
        return app;
    }

    /// <summary>Writes more than the kernel buffers for a peer that does not read.</summary>
    private async Task WriteAndOverwriteAsync(Stream stream)
    {
        var frames = new byte[Frames * FrameLength];
        for (var n = 0; n < Frames; n++)
        {
            var frame = frames.AsSpan(n * FrameLength, FrameLength);
            var header = ServerFrame.WriteHeader(frame, ServerFrame.Binary, FrameLength - 4);
            frame[header..].Fill((byte)n);
        }
        var write = stream.WriteAsync(frames);
        if (write.IsCompleted)
            overwritten.SetException(new InvalidOperationException("The peer received everything, so the test proves nothing."));
        frames.AsSpan().Fill(0xEE);
        overwritten.TrySetResult();
        await write;
    }

    private static Uri Address(WebApplication server, string scheme)
    {
        var address = new Uri(server.Urls.Single(url => url.StartsWith(scheme + ":", StringComparison.Ordinal)));
        return new UriBuilder(address) { Scheme = scheme == "https" ? "wss" : "ws" }.Uri;
    }
}
