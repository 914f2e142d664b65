async displayMask(maskBase64) {
    const img = new Image();
    img.onload = () => {
        // Get mask as canvas
        const tempCanvas = document.createElement('canvas');
        tempCanvas.width = img.width;
        tempCanvas.height = img.height;
        const ctx = tempCanvas.getContext('2d');
        ctx.drawImage(img, 0, 0);

        // Get pixel data
        const imageData = ctx.getImageData(0, 0, img.width, img.height);

        // Process mask (e.g., change color, apply effects)
        // ... your processing code here

        // Display processed mask
        this.maskCtx.putImageData(imageData, 0, 0);
    };
    img.src = 'data:image/png;base64,' + maskBase64;
}
