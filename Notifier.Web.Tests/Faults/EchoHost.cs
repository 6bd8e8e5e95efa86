using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Notifier.Connections;
using Notifier.Messages;

namespace Notifier.Tests.Faults;

/// <summary>
/// Sends back each message, as a WebSocket conformance suite needs. Below the messages it uses the code of <c>/ws</c>: Kestrel's setup, the wrapped upgrade,
/// the switch out of HTTP, the connection, the frame writer and its transport.
/// </summary>
internal static class EchoHost
{
    /// <summary>Conformance suites send up to 16 MiB.</summary>
    private const int MaxBytes = 64 * 1024 * 1024;

    /// <param name="args">Kestrel's arguments, such as <c>--urls http://127.0.0.1:9001</c>.</param>
    public static WebApplication Build(string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(KestrelSetup.Configure);
        builder.WebHost.UseSockets(KestrelSetup.Configure);
        var app = builder.Build();
        var log = app.Services.GetRequiredService<ILogger<Connection>>();
        app.Use((context, next) =>
        {
            WebSocketUpgrade.Intercept(context, TimeProvider.System, log);
            return next(context);
        });
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.Zero });
        app.Run(AnswerAsync);
        return app;
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.StatusCode = StatusCodes.Status426UpgradeRequired;
            await context.Response.WriteAsync("This address speaks WebSocket, and sends back what it gets.\n");
            return;
        }
        var socket = await context.WebSockets.AcceptWebSocketAsync();
        await context.Features.Get<WebSocketUpgrade>()!.ServeAsync(socket, EchoAsync);
    }

    private static async Task EchoAsync(WebSocket socket, Connection connection)
    {
        try
        {
            if (await EchoUntilCloseAsync(socket, connection))
                await connection.CloseAsync(CloseReason.Answering(socket.CloseStatus));
        }
        finally
        {
            await connection.RetireAsync();
            socket.Dispose();
        }
    }

    /// <returns>True if the client sent a close frame; false if it is gone, or .NET has closed because of a protocol error.</returns>
    private static async Task<bool> EchoUntilCloseAsync(WebSocket socket, Connection connection)
    {
        var input = connection.Input!;
        input.MessageBytes = MaxBytes;
        var buffer = new byte[64 * 1024];
        var message = new FrameBuffer();
        while (true)
        {
            try
            {
                message.Clear();
                ValueWebSocketReceiveResult part;
                do
                {
                    part = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                    if (part.MessageType == WebSocketMessageType.Close)
                        return true;
                    input.OnMessage(part.Count, part.EndOfMessage);
                    if (message.Length + part.Count > MaxBytes)
                        return false;
                    buffer.AsSpan(0, part.Count).CopyTo(message.Append(part.Count));
                }
                while (!part.EndOfMessage);
                await SendAsync(connection, part.MessageType == WebSocketMessageType.Text ? ServerFrame.Text : ServerFrame.Binary, message.Written.Span);
            }
            catch (Exception error) when (ClientReader.IsLoss(error))
            {
                return false;
            }
        }
    }

    /// <summary>Completes when the connection has accepted the frame, so that the host stops reading from a client that does not read.</summary>
    private static Task SendAsync(Connection connection, byte opcode, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[ServerFrame.HeaderLength(payload.Length) + payload.Length];
        payload.CopyTo(frame.AsSpan(ServerFrame.WriteHeader(frame, opcode, payload.Length)));
        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.Post(() =>
        {
            connection.Send(frame);
            sent.SetResult();
        });
        return sent.Task;
    }
}
